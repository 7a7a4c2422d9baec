//! Statements on sealed tokens (ADR 42). What is in them is known in `mcp` alone.

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{Row, query};

use super::threads::millis;
use super::{SqlResult, SqlStore};
use base::domain::{RENEWAL, SealedResult, SealedTokens, TokenPlace, TokensUnavailable};
use chat::ThreadsError;

impl SqlStore {
    async fn select_sealed(&self, place: &TokenPlace) -> SqlResult<Option<String>> {
        let find = query(FIND).bind(place.server.to_string()).bind(place.holder.to_string());
        let found = find.fetch_optional(self.database.reads()).await?;
        Ok(found.map(|row| row.try_get("sealed")).transpose()?)
    }

    async fn write_sealed(
        &self,
        place: &TokenPlace,
        sealed: &str,
        replaces: Option<&str>,
    ) -> SqlResult<bool> {
        let keep = query(if replaces.is_some() { REPLACE } else { KEEP });
        let keep = keep.bind(place.server.to_string()).bind(place.holder.to_string());
        let keep = keep.bind(sealed.to_owned());
        let keep = match replaces {
            Some(before) => keep.bind(before.to_owned()),
            None => keep,
        };
        Ok(self.database.execute(keep).await? > 0)
    }

    async fn take_renewal(&self, place: &TokenPlace, holder: &str) -> SqlResult<bool> {
        let claim = query(CLAIM).bind(place.server.to_string()).bind(place.holder.to_string());
        let claim = claim.bind(holder.to_owned()).bind(millis(RENEWAL));
        Ok(self.database.execute(claim).await? > 0)
    }

    async fn delete_sealed(&self, place: &TokenPlace, sealed: Option<&str>) -> SqlResult<bool> {
        let remove = query(if sealed.is_some() { REMOVE } else { REMOVE_ANY });
        let remove = remove.bind(place.server.to_string()).bind(place.holder.to_string());
        let remove = match sealed {
            Some(sealed) => remove.bind(sealed.to_owned()),
            None => remove,
        };
        Ok(self.database.execute(remove).await? > 0)
    }

    async fn release_renewal(&self, place: &TokenPlace, holder: &str) -> SqlResult<()> {
        let release = query(RELEASE).bind(place.server.to_string()).bind(place.holder.to_string());
        self.database.execute(release.bind(holder.to_owned())).await?;
        Ok(())
    }
}

impl SealedTokens for SqlStore {
    fn find<'a>(&'a self, place: &'a TokenPlace) -> BoxFuture<'a, SealedResult<Option<String>>> {
        self.database.call(|| self.select_sealed(place)).map(told).boxed()
    }

    fn keep<'a>(
        &'a self,
        place: &'a TokenPlace,
        sealed: &'a str,
        replaces: Option<&'a str>,
    ) -> BoxFuture<'a, SealedResult<bool>> {
        self.database.call(move || self.write_sealed(place, sealed, replaces)).map(told).boxed()
    }

    fn claim<'a>(
        &'a self,
        place: &'a TokenPlace,
        holder: &'a str,
    ) -> BoxFuture<'a, SealedResult<bool>> {
        self.database.call(move || self.take_renewal(place, holder)).map(told).boxed()
    }

    fn remove<'a>(
        &'a self,
        place: &'a TokenPlace,
        sealed: Option<&'a str>,
    ) -> BoxFuture<'a, SealedResult<bool>> {
        self.database.call(move || self.delete_sealed(place, sealed)).map(told).boxed()
    }

    fn release<'a>(
        &'a self,
        place: &'a TokenPlace,
        holder: &'a str,
    ) -> BoxFuture<'a, SealedResult<()>> {
        self.database.call(move || self.release_renewal(place, holder)).map(told).boxed()
    }
}

fn told<T>(result: Result<T, ThreadsError>) -> SealedResult<T> {
    result.map_err(|_| TokensUnavailable)
}

const FIND: &str = "SELECT sealed FROM sealed_tokens WHERE server = $1 AND holder = $2";

const KEEP: &str = "INSERT INTO sealed_tokens (server, holder, sealed) VALUES ($1, $2, $3) \
    ON CONFLICT (server, holder) DO UPDATE \
    SET sealed = excluded.sealed, renewer = '', renewed_until = 0";

/// Also where it was written already: the answer to that attempt may have been lost.
const REPLACE: &str = "UPDATE sealed_tokens SET sealed = $3, renewer = '', renewed_until = 0 \
    WHERE server = $1 AND holder = $2 AND (sealed = $4 OR sealed = $3)";

/// Its holder may claim it again: the answer to that attempt may have been lost. A time more than
/// twice as far ahead was written before the clock was set back.
const CLAIM: &str = "UPDATE sealed_tokens \
    SET renewer = $3, renewed_until = (SELECT ms FROM clock) + $4 \
    WHERE server = $1 AND holder = $2 AND (renewer = $3 \
        OR renewed_until <= (SELECT ms FROM clock) \
        OR renewed_until > (SELECT ms FROM clock) + 2 * $4)";

const REMOVE_ANY: &str = "DELETE FROM sealed_tokens WHERE server = $1 AND holder = $2";

const REMOVE: &str = "DELETE FROM sealed_tokens WHERE server = $1 AND holder = $2 AND sealed = $3";

const RELEASE: &str = "UPDATE sealed_tokens SET renewer = '', renewed_until = 0 \
    WHERE server = $1 AND holder = $2 AND renewer = $3";
