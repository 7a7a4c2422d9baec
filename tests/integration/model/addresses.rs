//! Where a model may be: by names that a double resolves, on real sockets (ADR 31).

use orchestrator::outbound::ReachableNetworks::{All, Public};

use super::*;
use crate::support::elsewhere::{Redirector, Stranger};
use crate::support::names::FakeNames;
use crate::support::scripted_http::Then;

/// A model under this name, by these names.
async fn named(host: &str, names: &Arc<FakeNames>, networks: ReachableNetworks) -> Asked {
    let answers = vec![good().then(Then::Close)];
    Asked::with(answers, |settings| {
        settings.base_url = settings.base_url.replace("127.0.0.1", host);
        settings.outbound = names.outbound(networks);
    })
    .await
}

#[tokio::test]
async fn a_name_that_leads_where_it_must_not_is_not_connected_to_and_nobody_is_blamed() {
    for (networks, address, part) in [
        (All, "169.254.169.254", "link-local"),
        (All, "::ffff:169.254.169.254", "link-local"),
        (Public, "127.0.0.1", "BLOCK_PRIVATE_NETWORKS"),
        (Public, "::ffff:127.0.0.1", "BLOCK_PRIVATE_NETWORKS"),
    ] {
        let names = FakeNames::answering(&[&[address]]);
        let asked = named("model.test", &names, networks).await;

        for _ in 0..5 {
            let refused = asked.reply().await.1.unwrap_err();
            assert!(matches!(refused, ModelError::Unavailable { .. }), "{refused:?}");
        }

        assert_eq!(asked.server.connections(), 0, "{address}");
        assert_eq!(names.asked(), ["model.test"; 5], "not tried again");
        let health = asked.health();
        assert_eq!((health.state, health.calls.failed), (BreakerState::Closed, 0));
        let advice = health.advice.unwrap();
        assert!(
            advice.starts_with("change GEMINI_BASE_URL: ") && advice.contains(part),
            "{advice}"
        );
        assert!(!advice.contains("model.test") && !advice.contains(address), "{advice}");
    }
}

#[tokio::test]
async fn each_connection_goes_to_an_address_that_was_checked_after_one_look() {
    let names = FakeNames::answering(&[
        &["169.254.169.254", "127.0.0.1"],
        &["127.0.0.1"],
        &["169.254.169.254"],
        &["127.0.0.1"],
    ]);
    let asked = named("model.test", &names, All).await;

    asked.reply().await.1.unwrap();
    asked.reply().await.1.unwrap();
    asked.reply().await.1.unwrap_err();
    assert!(asked.health().advice.is_some());
    asked.reply().await.1.unwrap();

    assert_eq!((names.asked().len(), asked.server.connections()), (4, 3));
    assert_eq!(asked.health().advice, None, "it was reached again");
}

#[tokio::test]
async fn what_the_url_says_itself_is_reached_although_private_networks_are_blocked() {
    let names = FakeNames::answering(&[&["127.0.0.1"]]);
    for (host, looks) in [("127.0.0.1", 0), ("localhost", 1)] {
        let asked = named(host, &names, Public).await;

        asked.reply().await.1.unwrap();

        assert_eq!((asked.server.connections(), names.asked().len()), (1, looks), "{host}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    for status in [301, 302, 303, 307, 308] {
        let stranger = Stranger::start().await;
        let redirector = Redirector::start(status, format!("{}/v1", stranger.url)).await;
        let asked = Asked::with(vec![good()], |settings| {
            settings.base_url = format!("{}/v1", redirector.url);
        })
        .await;

        let refused = asked.reply().await.1.unwrap_err();

        assert_eq!(refused, ModelError::Misconfigured, "{status}");
        assert_eq!((redirector.seen().len(), stranger.visits()), (1, 0), "{status}");
        let advice = asked.health().advice.unwrap();
        assert!(advice.contains("GEMINI_BASE_URL"), "{advice}");
    }
}
