//! A default model that the provider no longer offers.

use futures::future::join_all;
use orchestrator::domain::{Detail, HealthProbe};
use orchestrator::model::Settings;
use serde_json::{Value, json};

use super::House;
use crate::integration::scenarios::patient;
use crate::support::model_server::ModelServer;

const OLD: &str = "gemini-2.5-flash";
const NEW: &str = "gemini-3.5-flash-lite";

#[tokio::test]
async fn a_default_that_is_gone_goes_over_to_its_successor_once_and_says_so_once() {
    let house = house(&["e404_new_users"], false).await;

    let first = house.app.create("call:read_a{}").await;
    let second = house.app.create("hi").await;

    for answer in [&first, &second] {
        assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{}", answer.text);
    }
    assert_eq!(asked(&house).await, [OLD, NEW, NEW, NEW]);
    let notices = |text: &str| text.matches("gemini-3.5-flash-lite answers instead.").count();
    assert_eq!((notices(&first.text), notices(&second.text)), (1, 0));
    let Detail::Model { name, advice, warnings, .. } = house.model.report().remove(0).detail else {
        panic!("a model reports")
    };
    assert_eq!((&*name, advice), (NEW, None));
    let told = "gemini-2.5-flash is not offered to this key, and its successor \
        gemini-3.5-flash-lite is asked instead: set GEMINI_MODEL=gemini-3.5-flash-lite.";
    assert_eq!(warnings, [told]);
}

#[tokio::test]
async fn a_model_that_the_operator_named_is_never_exchanged() {
    let house = house(&["e404_new_users"; 2], true).await;

    for _ in 0..2 {
        let answer = house.app.create("hi").await;
        assert!(answer.text.contains("GEMINI_MODEL=gemini-3.5-flash-lite"), "{}", answer.text);
    }

    assert_eq!(asked(&house).await, [OLD; 2]);
}

#[tokio::test]
async fn turns_that_find_out_together_all_go_on() {
    let house = house(&["e404_new_users"; 4], false).await;

    let answers = join_all((0..4).map(|_| house.app.create("hi"))).await;

    for answer in answers {
        assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{}", answer.text);
    }
    let asked = asked(&house).await;
    assert_eq!(asked.iter().filter(|model| *model == NEW).count(), 4, "{asked:?}");
}

#[tokio::test]
async fn a_successor_that_is_refused_too_is_not_recommended() {
    let house = house(&["e404_new_users"; 3], false).await;

    let first = house.app.create("hi").await;
    let second = house.app.create("hi").await;

    for answer in [first, second] {
        let told = "set GEMINI_MODEL to a model that it may use.";
        assert!(answer.text.contains(told), "{}", answer.text);
    }
    assert_eq!(asked(&house).await, [OLD, NEW, NEW]);
}

#[tokio::test]
async fn other_refusals_are_no_reason_to_go_over() {
    for scenario in ["e400_bad_key", "e403_permission", "e503_overloaded"] {
        let house = house(&[scenario; 3], false).await;

        drop(house.app.create("hi").await);

        assert!(asked(&house).await.iter().all(|model| model == OLD), "{scenario}");
    }
}

async fn house(scenarios: &[&str], is_chosen: bool) -> House {
    let server = ModelServer::emulate().await;
    let entries: Vec<Value> = scenarios.iter().map(|name| json!({ "scenario": name })).collect();
    server.script(&entries).await;
    let settings = Settings { is_chosen, ..patient(&server) };
    House::with(server, settings).await
}

/// Which models were asked for, in order.
async fn asked(house: &House) -> Vec<String> {
    let log = house.server.log().await;
    log.iter().map(|it| it["body"]["model"].as_str().unwrap().to_owned()).collect()
}
