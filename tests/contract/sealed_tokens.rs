//! One contract for every store: sealed tokens, and who may renew them (ADR 42).

use std::sync::Arc;

use futures::future::join_all;
use orchestrator::domain::{SealedTokens, TokenPlace};
use orchestrator::store::open;

use super::stores::settings;

/// Runs each fact against each store.
macro_rules! contract_of_tokens {
    ($($fact:ident),* $(,)?) => {
        mod memory { $(#[tokio::test] async fn $fact() { super::$fact(super::tokens("memory").await).await; })* }
        mod sqlite { $(#[tokio::test] async fn $fact() {
            let folder = tempfile::TempDir::new().unwrap();
            let url = format!("sqlite://{}/tokens.db", folder.path().display());
            super::$fact(super::tokens(&url).await).await;
        })* }
        mod postgresql { $(#[tokio::test] async fn $fact() {
            let Some(url) = $crate::support::postgres::database().await else { return };
            super::$fact(super::tokens(&url).await).await;
        })* }
    };
}

contract_of_tokens!(
    what_is_kept_is_found_in_its_place_alone,
    a_renewal_does_not_undo_what_came_meanwhile_and_may_be_written_twice,
    of_many_who_would_renew_one_may,
    a_new_token_ends_the_claim_on_the_old_one,
    of_many_who_take_out_the_same_one_does,
);

async fn tokens(url: &str) -> Arc<dyn SealedTokens> {
    open(&settings(url)).await.unwrap().tokens
}

fn place(server: &str, holder: &str) -> TokenPlace {
    TokenPlace { server: server.into(), holder: holder.into() }
}

async fn what_is_kept_is_found_in_its_place_alone(tokens: Arc<dyn SealedTokens>) {
    let (ours, other) =
        (place("a@1", "operator"), [place("a@2", "operator"), place("a@1", "/ada")]);
    assert_eq!(tokens.find(&ours).await, Ok(None));

    assert_eq!(tokens.keep(&ours, "one", None).await, Ok(true));
    assert_eq!(tokens.keep(&ours, "two", None).await, Ok(true));

    assert_eq!(tokens.find(&ours).await, Ok(Some("two".to_owned())));
    for other in &other {
        assert_eq!(tokens.find(other).await, Ok(None));
    }
}

async fn a_renewal_does_not_undo_what_came_meanwhile_and_may_be_written_twice(
    tokens: Arc<dyn SealedTokens>,
) {
    let place = place("a@1", "operator");
    assert_eq!(tokens.keep(&place, "renewed", Some("one")).await, Ok(false));
    tokens.keep(&place, "one", None).await.unwrap();

    assert_eq!(tokens.keep(&place, "renewed", Some("one")).await, Ok(true));
    assert_eq!(tokens.keep(&place, "renewed", Some("one")).await, Ok(true));
    tokens.keep(&place, "signed in", None).await.unwrap();

    assert_eq!(tokens.keep(&place, "renewed again", Some("renewed")).await, Ok(false));
    assert_eq!(tokens.find(&place).await, Ok(Some("signed in".to_owned())));
}

async fn of_many_who_would_renew_one_may(tokens: Arc<dyn SealedTokens>) {
    let place = place("a@1", "operator");
    assert_eq!(tokens.claim(&place, "nothing is there").await, Ok(false));
    tokens.keep(&place, "one", None).await.unwrap();
    let names: Vec<_> = (0..8).map(|number| number.to_string()).collect();

    let claims = join_all(names.iter().map(|name| tokens.claim(&place, name))).await;

    let holders = names.iter().zip(claims).filter(|(_, claim)| *claim == Ok(true));
    let holders: Vec<_> = holders.map(|(name, _)| name).collect();
    let [holder] = holders[..] else { panic!("{holders:?}") };
    assert_eq!(tokens.claim(&place, holder).await, Ok(true), "its answer may have been lost");
    tokens.release(&place, "somebody else").await.unwrap();
    assert_eq!(tokens.claim(&place, "next").await, Ok(false));
    tokens.release(&place, holder).await.unwrap();
    assert_eq!(tokens.claim(&place, "next").await, Ok(true));
}

async fn a_new_token_ends_the_claim_on_the_old_one(tokens: Arc<dyn SealedTokens>) {
    let place = place("a@1", "operator");
    tokens.keep(&place, "one", None).await.unwrap();
    assert_eq!(tokens.claim(&place, "first").await, Ok(true));

    tokens.keep(&place, "two", Some("one")).await.unwrap();

    assert_eq!(tokens.claim(&place, "second").await, Ok(true));
}

async fn of_many_who_take_out_the_same_one_does(tokens: Arc<dyn SealedTokens>) {
    let (ours, other) = (place("a@1", "/ada"), place("a@1", "/bob"));
    assert_eq!(tokens.remove(&ours, None).await, Ok(false));
    tokens.keep(&ours, "one", None).await.unwrap();
    tokens.keep(&other, "one", None).await.unwrap();
    assert_eq!(tokens.remove(&ours, Some("another")).await, Ok(false));

    let taken = join_all((0..8).map(|_| tokens.remove(&ours, Some("one")))).await;

    assert_eq!(taken.iter().filter(|taken| **taken == Ok(true)).count(), 1, "{taken:?}");
    assert_eq!(tokens.find(&ours).await, Ok(None));
    assert_eq!(tokens.keep(&ours, "renewed", Some("one")).await, Ok(false), "it is over");
    assert_eq!(tokens.find(&other).await, Ok(Some("one".to_owned())));
    assert_eq!(tokens.remove(&other, None).await, Ok(true));
}
