//! Statements on leases. The database's clock decides, so replicas need not agree on the time
//! (ADR 11).

use std::time::Duration;

use serde_json::json;
use sqlx::{Row as _, query};

use super::rows::key;
use super::threads::millis;
use super::{SqlResult, SqlStore};
use base::domain::Owner;
use chat::{Claim, Held, LEASE, Lease, Resource};

impl SqlStore {
    /// `claim` names this claim and stays the same when the attempt is repeated.
    pub(super) async fn take_lease(
        &self,
        owner: &Owner,
        resource: &Resource,
        claim: &str,
    ) -> SqlResult<Claim> {
        let take = query(TAKE).bind(key(resource.as_str())).bind(millis(LEASE)).bind(claim);
        let take = take.bind(key(owner.as_str()));
        if let Some(row) = self.database.fetch(take).await?.first() {
            let epoch = row.try_get("epoch")?;
            return Ok(Claim::Held(Lease { resource: resource.clone(), epoch }));
        }
        let there = query(HOLDER).bind(key(resource.as_str())).bind(key(owner.as_str()));
        let there = there.fetch_optional(self.database.reads()).await?;
        let Some(row) = there else { return Ok(Claim::Unknown) };
        // An earlier attempt of ours was committed and only its answer was lost: without the name,
        // we would wait for our own lease to expire (ADR 23).
        if row.try_get::<String, _>("claim")? == claim {
            let epoch = row.try_get("epoch")?;
            return Ok(Claim::Held(Lease { resource: resource.clone(), epoch }));
        }
        Ok(Claim::Taken)
    }

    pub(super) async fn prolong_leases(&self, leases: &[Lease]) -> SqlResult<Vec<Resource>> {
        // One statement for all leases of the process: a row each was 2,500 statements a second for
        // 10,000 streams (ADR 23).
        let held = leases.iter().map(|lease| json!([lease.resource.as_str(), lease.epoch]));
        let held = serde_json::Value::Array(held.collect()).to_string();
        let prolong = query(self.database.dialect().either(PROLONG, PROLONG_POSTGRES));
        let rows = self.database.fetch(prolong.bind(millis(LEASE)).bind(held)).await?;
        let resource = |row| sqlx::Row::try_get::<String, _>(row, "resource");
        Ok(rows.iter().map(|row| resource(row).map(Resource::from)).collect::<Result<_, _>>()?)
    }

    pub(super) async fn release_lease(&self, lease: &Lease) -> SqlResult<()> {
        let release = query(RELEASE).bind(lease.resource.as_str()).bind(lease.epoch);
        self.database.execute(release).await?;
        Ok(())
    }
}

pub(super) fn held_since(held_until: i64, now: i64) -> Held {
    match held_until {
        0 => Held::LetGo,
        until if until > now => Held::Now,
        until => {
            let silent = u64::try_from(now.saturating_sub(until)).unwrap_or(0);
            Held::FellSilent(Duration::from_millis(silent))
        }
    }
}

/// No lease lasts longer than `$2`. A time more than twice that ahead was written before the clock
/// was set back, and would block the thread until the clock catches up (ADR 23).
const TAKE: &str = "UPDATE leases \
    SET epoch = epoch + 1, held_until = (SELECT ms FROM clock) + $2, claim = $3 \
    WHERE resource = $1 AND owner = $4 AND (held_until <= (SELECT ms FROM clock) \
        OR held_until > (SELECT ms FROM clock) + 2 * $2) RETURNING epoch";

const HOLDER: &str = "SELECT epoch, claim FROM leases WHERE resource = $1 AND owner = $2";

/// `held_until > 0`: a heartbeat that arrives after the end must not hold a released thread.
const PROLONG: &str = "UPDATE leases SET held_until = (SELECT ms FROM clock) + $1 \
    FROM (SELECT value ->> 0 AS id, value ->> 1 AS epoch FROM json_each($2)) AS h \
    WHERE leases.resource = h.id AND leases.epoch = h.epoch AND leases.held_until > 0 \
    RETURNING resource";

const PROLONG_POSTGRES: &str = "UPDATE leases AS l SET held_until = (SELECT ms FROM clock) + $1 \
    FROM json_array_elements(CAST($2 AS JSON)) AS h (value) \
    WHERE l.resource = h.value ->> 0 AND l.epoch = CAST(h.value ->> 1 AS BIGINT) \
    AND l.held_until > 0 RETURNING l.resource";

const RELEASE: &str = "UPDATE leases SET held_until = 0 WHERE resource = $1 AND epoch = $2";
