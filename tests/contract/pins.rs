//! One contract for every store: how tools were defined when they were first seen (ADR 40).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use orchestrator::domain::{MAX_PINS, Pins, ToolDefinition, ToolPin};

contract!(opened by pins:
    what_is_met_first_is_pinned_and_stays,
    a_server_has_pins_of_its_own,
    an_approval_sets_the_pin_and_needs_none_before,
    of_many_who_meet_a_tool_at_once_one_pins_it_and_all_are_told_the_same,
    a_server_that_makes_up_tools_forever_is_not_pinned_forever,
    texts_come_back_as_they_were,
);

async fn what_is_met_first_is_pinned_and_stays(pins: Arc<dyn Pins>) {
    let told = pins.meet("one", &[pin("a", "1"), pin("b", "1")]).await.unwrap();
    let again = pins.meet("one", &[pin("a", "2"), pin("c", "1")]).await.unwrap();
    let gone = pins.meet("one", &[]).await.unwrap();

    let seen = |told: &[orchestrator::domain::KnownPin]| {
        let each = told.iter().map(|it| format!("{} {} {}", it.tool, it.fingerprint, it.is_new));
        each.collect::<Vec<_>>()
    };
    assert_eq!(seen(&told), ["a 1 true", "b 1 true"]);
    assert_eq!(seen(&again), ["a 1 false", "b 1 false", "c 1 true"]);
    assert_eq!(seen(&gone), ["a 1 false", "b 1 false", "c 1 false"]);
}

async fn a_server_has_pins_of_its_own(pins: Arc<dyn Pins>) {
    pins.meet("one", &[pin("a", "1")]).await.unwrap();
    pins.meet("One", &[pin("a", "2")]).await.unwrap();

    assert_eq!(pins.pinned("one").await.unwrap(), [pin("a", "1")]);
    assert_eq!(pins.pinned("One").await.unwrap(), [pin("a", "2")]);
    assert_eq!(pins.pinned("two").await.unwrap(), []);
}

async fn an_approval_sets_the_pin_and_needs_none_before(pins: Arc<dyn Pins>) {
    pins.meet("one", &[pin("a", "1"), pin("b", "1")]).await.unwrap();

    pins.approve("one", &[pin("a", "2"), pin("c", "1")]).await.unwrap();
    pins.approve("one", &[]).await.unwrap();

    assert_eq!(pins.pinned("one").await.unwrap(), [pin("a", "2"), pin("b", "1"), pin("c", "1")]);
    let told = pins.meet("one", &[pin("a", "1")]).await.unwrap();
    assert_eq!(&*told[0].fingerprint, "2", "what was pinned before counts no more");
}

async fn of_many_who_meet_a_tool_at_once_one_pins_it_and_all_are_told_the_same(
    pins: Arc<dyn Pins>,
) {
    let replicas = (0..8).map(|index| {
        let pins = Arc::clone(&pins);
        tokio::spawn(async move {
            let seen = index.to_string();
            pins.meet("one", &[pin("b", &seen), pin("a", &seen)]).await.unwrap()
        })
    });
    let told: Vec<_> = join_all(replicas).await.into_iter().map(Result::unwrap).collect();

    let mut pinned = BTreeMap::<_, Vec<_>>::new();
    for known in told.iter().flatten() {
        pinned.entry(Arc::clone(&known.tool)).or_default().push(known);
    }
    assert_eq!(pinned.len(), 2);
    for (tool, told) in pinned {
        assert!(told.iter().all(|it| it.fingerprint == told[0].fingerprint), "{tool}: {told:?}");
        assert_eq!(told.iter().filter(|it| it.is_new).count(), 1, "{tool}: {told:?}");
    }
}

async fn a_server_that_makes_up_tools_forever_is_not_pinned_forever(pins: Arc<dyn Pins>) {
    for round in 0..6 {
        let many: Vec<_> = (0..128).map(|n| pin(&format!("{round} {n}"), "1")).collect();
        pins.meet("one", &many).await.unwrap();
    }
    let told = pins.meet("one", &[pin("last", "1")]).await.unwrap();
    assert_eq!(told.len(), MAX_PINS);
    assert!(told.iter().all(|it| &*it.tool != "last"));

    pins.approve("one", &[pin("last", "1")]).await.unwrap();

    let told = pins.meet("one", &[]).await.unwrap();
    assert!(told.iter().any(|it| &*it.tool == "last"), "an operator may have more");
    assert_eq!(pins.meet("two", &[pin("a", "1")]).await.unwrap().len(), 1);
}

async fn texts_come_back_as_they_were(pins: Arc<dyn Pins>) {
    let odd = "{\n  \"a\": \"\\u0000 \u{e0041} '\\\" \u{202e} ü\"\n}";
    let odd = ToolDefinition { fingerprint: "1".into(), text: odd.into() };
    let odd = ToolPin { tool: "ünd \u{1f4a9}".into(), definition: odd };

    pins.meet("one", std::slice::from_ref(&odd)).await.unwrap();

    assert_eq!(pins.pinned("one").await.unwrap(), [odd]);
}

fn pin(tool: &str, fingerprint: &str) -> ToolPin {
    let text = format!("the text of {fingerprint}").into();
    ToolPin {
        tool: tool.into(),
        definition: ToolDefinition { fingerprint: fingerprint.into(), text },
    }
}
