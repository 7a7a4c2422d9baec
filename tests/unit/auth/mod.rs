//! Who calls: keys and tokens.

mod issuer_answers;
mod issuer_keys;
mod key_files;
mod key_store;
mod keys;
mod starting;
mod tokens;

use orchestrator::domain::{Authenticator, Owner, Recognition};

async fn owner_of(way: &dyn Authenticator, token: &str) -> Option<String> {
    let caller = way.recognise(token).await?.ok()?;
    Some(caller.owner.to_string())
}

async fn recognition(way: &dyn Authenticator, token: &str) -> Recognition {
    way.recognise(token).await.unwrap()
}

fn owner(tenant: &str, user: &str) -> Owner {
    Owner::user(tenant, user).unwrap()
}
