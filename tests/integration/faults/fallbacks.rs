//! A model that stands in for another.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use orchestrator::agents::Model;
use orchestrator::domain::{BreakerState, Detail, HealthProbe};
use orchestrator::model::{Chain, Settings};
use serde_json::{Value, json};

use super::in_haste;
use super::table::Row;
use crate::integration::scenarios::{model, patient};
use crate::support::app::{Choices, TestApp};
use crate::support::model_server::ModelServer;
use crate::support::watchdog::{Watchdog, until};

#[tokio::test]
async fn before_any_text_another_model_answers_and_after_it_one_error_is_told() {
    let failing = Row::all().filter(|row| !["completed", "stopped"].contains(&row.outcome));
    iter(failing)
        .for_each_concurrent(8, async |row| {
            let scenario = row.played;
            let house = House::new(scenario, 1).await;

            let answer = house.app.create("hi").await;

            let events = answer.events();
            let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
            let may_stand_in = !row.is_cut() && !["blocked", "too_long"].contains(&row.outcome);
            if may_stand_in {
                assert_eq!((of("error"), of("notice")), (0, 1), "{scenario}: {}", answer.text);
                assert!(answer.text.contains("second answers instead"), "{scenario}");
                assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{scenario}");
            } else {
                assert_eq!((of("error"), of("notice")), (1, 0), "{scenario}: {}", answer.text);
                assert_eq!(house.second.log().await.len(), 0, "{scenario}");
            }
        })
        .await;
}

#[tokio::test]
async fn the_first_is_not_asked_while_its_breaker_is_open_and_again_once_it_may_be_well() {
    let house = House::new("e503_overloaded", 3).await;
    for _ in 0..5 {
        let answer = house.app.ask(&json!({ "message": "hi" })).await.json();
        assert_eq!(answer["outcome"], "completed", "{answer}");
    }
    assert_eq!(house.first.log().await.len(), 3);
    assert_eq!(house.chain.refuses_for(), None);

    let breakers: Vec<_> = house.chain.report().into_iter().map(|it| it.name).collect();
    assert_eq!(breakers, ["model", "model:second"]);
    let watchdog = Watchdog::new();
    while house.first.log().await.len() < 4 {
        watchdog.check("the first is asked again");
        house.app.ask(&json!({ "message": "are you well?" })).await;
    }
    let answer = house.app.create("hi").await;
    assert!(!answer.text.contains("answers instead"), "{}", answer.text);
}

#[tokio::test]
async fn what_a_provider_attached_is_not_told_to_another() {
    let house = House::new("tool_gemini3_stop_trailer", 1).await;
    house.first.script(&[json!({ "scenario": "e503_overloaded" })]).await;

    let answer = house.app.create("call it").await;

    let sent = house.second.log().await;
    let told = sent[0]["body"]["messages"].to_string();
    assert!(told.contains("tool_calls"), "{told}");
    assert!(!told.contains("thought_signature"), "{told}");
    assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{}", answer.text);
}

#[tokio::test]
async fn the_one_that_was_chosen_is_asked_first_and_the_others_stand_in_for_it() {
    let house = House::new("text_usage_last", 0).await;
    let ask = json!({ "message": "hi", "model": "second" });

    let chosen = house.app.post("/chat", &ask).await;
    let asked = (house.first.log().await.len(), house.second.log().await.len());
    house.second.script(&[json!({ "scenario": "e503_overloaded" })]).await;
    let stood_in = house.app.post("/chat", &ask).await;

    assert_eq!(asked, (0, 1));
    assert!(!chosen.text.contains("answers instead"), "{}", chosen.text);
    assert!(stood_in.text.contains("gemini-2.5-flash answers instead"), "{}", stood_in.text);
    assert_eq!((house.first.log().await.len(), house.second.log().await.len()), (1, 2));
}

#[tokio::test]
async fn one_that_is_held_back_is_passed_over_without_a_request() {
    for scenario in ["e429_per_minute", "e429_per_day"] {
        let house = House::new(scenario, 9).await;

        for _ in 0..3 {
            let answer = house.app.create("hi").await;
            assert!(answer.text.contains("second answers instead"), "{scenario}: {}", answer.text);
        }

        assert_eq!(house.first.log().await.len(), 1, "{scenario}");
        let breakers: Vec<_> = house.chain.report().into_iter().map(|it| it.breaker).collect();
        assert!(breakers[0].cooling_seconds.is_some(), "{scenario}");
        assert_eq!((breakers[0].state, breakers[0].calls.failed), (BreakerState::Closed, 0));
        assert_eq!(breakers[1].cooling_seconds, None, "each has a pause of its own");
    }
}

#[tokio::test]
async fn one_whose_pause_is_over_is_asked_first_again() {
    let house = House::new("flaky_429(1,0.25)", 1).await;
    let answer = house.app.create("hi").await;
    assert!(answer.text.contains("second answers instead"), "{}", answer.text);

    let is_cooling = || house.chain.report()[0].breaker.cooling_seconds.is_some();
    until("its pause is over", || !is_cooling()).await;

    let answer = house.app.create("hi").await;
    assert!(!answer.text.contains("answers instead"), "{}", answer.text);
    assert_eq!((house.first.log().await.len(), house.second.log().await.len()), (2, 1));
}

#[tokio::test]
async fn who_answers_is_told_once_though_it_speaks_in_two_rounds() {
    let house = House::new("e503_overloaded", 2).await;
    let rounds = ["text_then_tool", "text_usage_last"];
    house.second.script(&rounds.map(|scenario| json!({ "scenario": scenario }))).await;

    let answer = house.app.create("hi").await;

    assert_eq!(answer.text.matches("answers instead").count(), 1, "{}", answer.text);
    assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{}", answer.text);
    assert_eq!((house.first.log().await.len(), house.second.log().await.len()), (2, 2));
}

#[tokio::test]
async fn they_are_asked_in_order_and_the_first_that_can_is_named() {
    let servers = [ModelServer::emulate().await, ModelServer::emulate().await];
    let third = ModelServer::emulate().await;
    for server in &servers {
        server.script(&[json!({ "scenario": "e503_overloaded" })]).await;
    }
    let [first, second] = &servers;
    let named = |name: &str, server| (Arc::from(name), model(once(server, Some(name))));
    let others = vec![named("second", second), named("third", &third)];
    let chain = Arc::new(Chain::new(model(once(first, None)), others));
    let app = TestApp::new(Choices { model: chain, ..Choices::default() }).await;

    let answer = app.create("hi").await;

    assert!(answer.text.contains("third answers instead"), "{}", answer.text);
    for server in [first, second, &third] {
        assert_eq!(server.log().await.len(), 1);
    }
}

#[tokio::test]
async fn what_to_change_names_the_entry_and_the_variable_of_its_own_key() {
    let house = House::new("e503_overloaded", 1).await;
    house.second.script(&[json!({ "scenario": "e400_bad_key" })]).await;

    let answer = house.app.create("hi").await;

    assert!(!answer.text.contains("SECOND_KEY"), "no matter of the person's: {}", answer.text);
    let Detail::Fallback { advice: Some(advice), .. } = house.chain.report().remove(1).detail
    else {
        panic!("no advice was kept")
    };
    assert!(advice.contains("SECOND_KEY, the key of second in MODEL_FALLBACKS"), "{advice}");
    house.first.script(&[json!({ "scenario": "e503_overloaded" })]).await;
    house.app.create("hi").await;
    let detail = house.chain.report().remove(1).detail;
    assert!(matches!(detail, Detail::Fallback { advice: None, .. }), "{detail:?}");
}

struct House {
    app: TestApp,
    chain: Arc<Chain>,
    first: ModelServer,
    second: ModelServer,
}

impl House {
    /// A house whose first model plays a scenario so many times; the second is well.
    async fn new(scenario: &str, times: usize) -> Self {
        let (first, second) = (ModelServer::emulate().await, ModelServer::emulate().await);
        let entries: Vec<Value> = vec![json!({ "scenario": scenario }); times];
        first.script(&entries).await;
        let chain = Chain::new(
            model(in_haste(scenario, once(&first, None))),
            vec![(Arc::from("second"), model(once(&second, Some("second"))))],
        );
        let chain = Arc::new(chain);
        let app = TestApp::new(Choices { model: chain.clone(), ..Choices::default() }).await;
        Self { app, chain, first, second }
    }
}

/// Asks once.
fn once(server: &ModelServer, name: Option<&str>) -> Settings {
    let mut settings = patient(server);
    settings.name = name.map(str::to_owned);
    settings.key_variable = name.map(|name| format!("{}_KEY", name.to_uppercase()));
    settings.guard.retries = 0;
    settings.guard.breaker.max_failures = 3;
    settings.guard.breaker.cool_down = Duration::from_secs(2);
    settings
}
