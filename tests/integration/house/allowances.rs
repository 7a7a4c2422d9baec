//! What a caller may use, and what it has used (ADR 30).

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use futures::future::join_all;
use orchestrator::chat::Store;
use orchestrator::domain::{CallerLimits, Cost};
use serde_json::{Value, json};

use crate::contract;
use crate::support::app::{Answer, Choices, TestApp, json_request, memory};
use crate::support::callers::{known, limited, with_key};
use crate::support::doubles::{Act, ScriptedModel, says, unpriced};
use crate::support::faulty::Faulty;
use crate::support::postgres;
use crate::support::watchdog::{until, until_async};

const NONE: CallerLimits = CallerLimits {
    turns_per_minute: None,
    turns_at_once: None,
    tokens_per_day: None,
    cost_per_day: None,
};

fn per_minute(turns: u64) -> CallerLimits {
    CallerLimits { turns_per_minute: Some(turns), ..NONE }
}

async fn app(limits: CallerLimits, script: impl IntoIterator<Item = Act>) -> TestApp {
    let model = ScriptedModel::new(script);
    TestApp::new(Choices { model, caller_limits: limits, ..Choices::default() }).await
}

fn hello() -> Value {
    json!({ "message": "hi" })
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn over_a_limit_the_short_form_gets_429_with_the_limit_and_the_time() {
    let app = app(per_minute(1), [says("One."), says("Two.")]).await;

    let first = app.ask(&hello()).await;
    let second = app.ask(&hello()).await;

    assert_eq!(first.status, 200);
    assert_eq!(header(&first, "ratelimit-policy"), r#""turns-per-minute";q=1;w=60"#);
    assert!(header(&first, "ratelimit").starts_with(r#""turns-per-minute";r=0;t="#));
    assert_eq!(second.status, 429);
    let seconds: u64 = header(&second, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{second:?}");
    assert_eq!(header(&second, "ratelimit"), format!(r#""turns-per-minute";r=0;t={seconds}"#));
    assert_eq!(header(&second, "ratelimit-policy"), header(&first, "ratelimit-policy"));
    let problem = second.json();
    assert_eq!(problem["code"], "over_limit");
    let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    assert_eq!(problem["type"], kind);
    assert_eq!(problem["violated-policies"], json!(["turns-per-minute"]));
    let told = problem["message"].as_str().unwrap();
    assert!(told.starts_with("You may send 1 message a minute. Try again in "), "{told}");
}

#[tokio::test]
async fn over_a_limit_the_chatkit_form_gets_an_event_that_allows_a_retry() {
    let app = app(per_minute(1), [says("One."), says("Two.")]).await;

    let first = app.create("hi").await;
    let second = app.create("hi").await;

    assert!(header(&first, "ratelimit").starts_with(r#""turns-per-minute";r=0;t="#));
    assert_eq!((second.status.as_u16(), second.events().len()), (200, 1), "{second:?}");
    let [event] = &second.events()[..] else { unreachable!() };
    assert_eq!((&event["type"], &event["allow_retry"]), (&json!("error"), &json!(true)));
    assert!(event["message"].as_str().unwrap().starts_with("You may send 1 message a minute."));
    assert!(header(&second, "ratelimit").starts_with(r#""turns-per-minute";r=0;t="#));
    let list = json!({ "type": "threads.list", "params": {} });
    let listed = app.post("/chatkit", &list).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "nothing was stored");
}

#[tokio::test]
async fn each_limit_is_a_policy_with_its_unit() {
    let limits = CallerLimits {
        turns_per_minute: Some(10),
        turns_at_once: Some(2),
        tokens_per_day: Some(1_000),
        cost_per_day: Some("0.5".parse().unwrap()),
    };
    let app = app(limits, [says("One."), says("Two.")]).await;

    app.ask(&hello()).await;
    let second = app.ask(&hello()).await;

    let policies = r#""turns-per-minute";q=10;w=60, "turns-at-once";q=2;qu="concurrent-requests", "tokens-per-day";q=1000;qu="tokens";w=86400, "cost-per-day";q=500000;qu="microdollars";w=86400"#;
    assert_eq!(header(&second, "ratelimit-policy"), policies);
    let left: Vec<_> = header(&second, "ratelimit").split(", ").map(str::to_owned).collect();
    for (item, expected) in left.iter().zip([
        r#""turns-per-minute";r=8;t="#,
        r#""turns-at-once";r=1"#,
        r#""tokens-per-day";r=988;t="#,
        r#""cost-per-day";r=499000;t="#,
    ]) {
        assert!(item.starts_with(expected), "{left:?}");
    }
}

#[tokio::test]
async fn without_limits_nothing_is_counted_or_told() {
    let (store, fails) = (memory().await, Box::new(|call| call == "count"));
    let store: Arc<dyn Store> = Arc::new(Faulty { store, fails, hangs: "" });
    let model = ScriptedModel::new([says("One.")]);
    let app = TestApp::new(Choices { model, store: Some(store), ..Choices::default() }).await;

    let answer = app.ask(&hello()).await;

    assert_eq!(answer.json()["outcome"], "completed", "the store was not asked");
    assert_eq!(header(&answer, "ratelimit"), "");
}

fn keyed(key: &str) -> Request<Body> {
    let mut request = json_request("/chat", &hello());
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

#[tokio::test]
async fn the_same_request_again_is_no_other_turn_and_is_answered_at_the_limit() {
    let app = app(per_minute(2), [says("One."), says("Two.")]).await;

    let first = app.send(keyed("a")).await.json();
    for _ in 0..3 {
        assert_eq!(app.send(keyed("a")).await.json()["message"], first["message"]);
    }
    let second = app.send(keyed("b")).await;
    let over = app.send(keyed("c")).await;
    let again = app.send(keyed("a")).await;

    assert_eq!((second.status.as_u16(), over.status.as_u16()), (200, 429), "{second:?}");
    assert_eq!((again.status.as_u16(), &again.json()["message"]), (200, &first["message"]));
    assert_eq!(usage(&app, None).await["days"][0]["turns"], 2);
}

#[tokio::test]
async fn a_replay_is_told_what_is_left_without_it() {
    let limits = CallerLimits { turns_at_once: Some(3), ..per_minute(3) };
    let app = app(limits, [says("One.")]).await;

    let answers = [app.send(keyed("a")).await, app.send(keyed("a")).await];

    let left = answers.each_ref().map(|answer| header(answer, "ratelimit").to_owned());
    assert!(left[0].contains(r#""turns-per-minute";r=2"#), "{left:?}");
    assert!(left[0].contains(r#""turns-at-once";r=2"#), "{left:?}");
    assert!(left[1].contains(r#""turns-per-minute";r=2"#), "{left:?}");
    assert!(left[1].contains(r#""turns-at-once";r=3"#), "{left:?}");
}

#[tokio::test]
async fn a_copy_that_would_go_on_with_a_cut_turn_begins_work_and_is_limited() {
    let app = app(per_minute(1), [Act::Hang(Vec::new()), says("One.")]).await;
    drop(app.open(keyed_stream("a")).await);
    app.idle().await;

    let again = app.send(keyed("a")).await;

    assert_eq!(again.status, 429, "{again:?}");
}

/// Its answer is being written, so it begins nothing and waits for it.
#[tokio::test(start_paused = true)]
async fn a_copy_of_a_turn_that_runs_on_another_replica_is_no_other_turn() {
    let store: Arc<dyn Store> = memory().await;
    let house = async |act: Act| {
        let (model, store) = (ScriptedModel::new([act]), Some(Arc::clone(&store)));
        let caller_limits = CallerLimits { turns_at_once: Some(1), ..NONE };
        TestApp::new(Choices { model, store, caller_limits, ..Choices::default() }).await
    };
    let (one, other) = (house(Act::Hang(Vec::new())).await, house(says("One.")).await);
    let running = one.open(keyed_stream("a")).await;

    let (copy, stranger) = (other.open(keyed_stream("a")).await, other.send(keyed("b")).await);

    assert_eq!((copy.status().as_u16(), stranger.status.as_u16()), (200, 429));
    drop((running, copy));
}

/// Its turn broke off, so it would begin work: it counts like any other.
#[tokio::test(start_paused = true)]
async fn a_copy_that_waited_beyond_a_limit_goes_on_only_within_it() {
    for (limits, goes_on) in
        [(per_minute(1), false), (CallerLimits { turns_at_once: Some(1), ..NONE }, true)]
    {
        let store: Arc<dyn Store> = memory().await;
        let house = async |act: Act| {
            let (model, store) = (ScriptedModel::new([act]), Some(Arc::clone(&store)));
            let caller_limits = limits;
            TestApp::new(Choices { model, store, caller_limits, ..Choices::default() }).await
        };
        let (one, other) = (house(Act::Hang(Vec::new())).await, house(says("One.")).await);
        let running = one.open(keyed_stream("a")).await;
        let copy = other.open(keyed_stream("a")).await;

        drop(running);
        let told = to_bytes(copy.into_body(), usize::MAX).await.unwrap();
        let told = String::from_utf8(told.to_vec()).unwrap();

        assert_eq!(told.contains("One."), goes_on, "{told}");
        assert_eq!(told.contains("You may send 1 message a minute."), !goes_on, "{told}");
    }
}

fn keyed_stream(key: &str) -> Request<Body> {
    let mut request = keyed(key);
    request.headers_mut().remove("accept");
    request
}

#[tokio::test]
async fn a_request_that_begins_no_turn_is_not_counted() {
    let app = app(per_minute(1), [says("One.")]).await;
    let nowhere = json!({ "message": "hi", "thread_id": "thr_1" });

    for _ in 0..3 {
        assert_eq!(app.ask(&nowhere).await.status, 404);
    }

    assert_eq!(app.ask(&hello()).await.status, 200);
}

#[tokio::test]
async fn a_turn_that_ends_makes_room_for_the_next_one() {
    let limits = CallerLimits { turns_at_once: Some(1), ..NONE };
    let app = app(limits, [Act::Hang(Vec::new()), says("One.")]).await;
    let running = app.open(json_request("/chat", &hello())).await;
    let refused = app.ask(&hello()).await;

    drop(running);
    until("it ended", || app.chat.running() == 0).await;
    let answer = app.ask(&hello()).await;

    assert_eq!((refused.status.as_u16(), header(&refused, "retry-after")), (429, "5"));
    assert_eq!(header(&refused, "ratelimit"), r#""turns-at-once";r=0"#);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_day_may_be_exceeded_by_the_turn_that_began_within_it() {
    let limits = CallerLimits { tokens_per_day: Some(20), ..NONE };
    let app = app(limits, [says("One."), says("Two."), says("Three.")]).await;

    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(app.ask(&hello()).await);
    }

    assert_eq!(answers.iter().map(|it| it.status.as_u16()).collect::<Vec<_>>(), [200, 200, 429]);
    let told = answers[2].json()["message"].as_str().unwrap().to_owned();
    assert!(told.starts_with("You have used what you may use today: 20 tokens."), "{told}");
    assert_eq!(usage(&app, None).await["limits"][0]["used"], 24);
}

#[tokio::test]
async fn a_key_has_its_own_limits_and_counts_for_its_user() {
    let (authentication, [ada, tablet, bob]) =
        limited([("ada", NONE), ("ada", per_minute(3)), ("bob", per_minute(1))]);
    let model = ScriptedModel::new((0..9).map(|_| says("Yes.")));
    let caller_limits = per_minute(2);
    let choices = Choices { model, caller_limits, authentication, ..Choices::default() };
    let app = TestApp::new(choices).await;
    let ask = async |key: &str| {
        app.send(with_key(json_request("/chat", &hello()), key)).await.status.as_u16()
    };

    let statuses = [
        ask(&ada).await,
        ask(&ada).await,
        ask(&ada).await,
        ask(&tablet).await,
        ask(&tablet).await,
        ask(&bob).await,
        ask(&bob).await,
    ];

    assert_eq!(statuses, [200, 200, 429, 200, 429, 200, 429]);
}

async fn usage(app: &TestApp, key: Option<&str>) -> Value {
    let mut request = Request::get("/usage").body(Body::empty()).unwrap();
    if let Some(key) = key {
        request = with_key(request, key);
    }
    app.send(request).await.json()
}

#[tokio::test]
async fn each_caller_is_told_its_own_use_by_day_and_model() {
    let (authentication, [ada, bob]) = known([("", "ada", "chat"), ("", "bob", "chat")]);
    let model = ScriptedModel::new([says("One."), unpriced("Two."), says("Three.")]);
    let limits = CallerLimits { tokens_per_day: Some(100), ..NONE };
    let choices = Choices { model, authentication, caller_limits: limits, ..Choices::default() };
    let app = TestApp::new(choices).await;
    for key in [&ada, &ada, &bob] {
        app.send(with_key(json_request("/chat", &hello()), key)).await;
    }

    let [adas, bobs] = [usage(&app, Some(&ada)).await, usage(&app, Some(&bob)).await];

    let amounts = json!({
        "turns": 1, "requests": 1, "input_tokens": 10, "cached_tokens": 0, "output_tokens": 2,
        "thinking_tokens": 0, "unpriced_requests": 0, "cost_usd": 0.001,
        "estimated_tokens": 0, "estimated_cost_usd": 0.0,
    });
    let with = |more: Value| {
        let mut all = amounts.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let model = with(json!({ "model": "scripted" }));
    let days = json!([with(json!({ "day": day.to_string(), "models": [model] }))]);
    assert_eq!(bobs["days"], days);
    let [limit] = &bobs["limits"].as_array().unwrap()[..] else { panic!("{bobs}") };
    assert_eq!((&limit["name"], &limit["left"]), (&json!("tokens-per-day"), &json!(88)));
    let [day] = &adas["days"].as_array().unwrap()[..] else { panic!("{adas}") };
    assert_eq!((&day["turns"], &day["unpriced_requests"]), (&json!(2), &json!(1)));
    assert_eq!(day["cost_usd"], Value::Null, "a part of it is not known");
    assert_eq!(day["input_tokens"], 20);
}

#[tokio::test]
async fn the_days_that_are_asked_for_are_from_1_to_92() {
    let app = app(NONE, []).await;

    for days in ["", "?days=1", "?days=92", "?other=1"] {
        let answer = app.get(&format!("/usage{days}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()["days"].clone()), (200, json!([])));
    }
    for days in ["0", "93", "-1", "geheim", "", "1.5", "99999999999999"] {
        let answer = app.get(&format!("/usage?days={days}")).await;
        assert_eq!(answer.status, 422, "{days}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/query/days");
        assert!(!answer.text.contains("geheim"));
    }
}

#[tokio::test]
async fn what_was_used_is_not_lost_with_the_end_of_a_turn_or_with_its_thread() {
    let (store, fails) = (memory().await, Box::new(|call| call == "end"));
    let store: Arc<dyn Store> = Arc::new(Faulty { store, fails, hangs: "" });
    let model = ScriptedModel::new([says("One.")]);
    let app = TestApp::new(Choices { model, store: Some(store), ..Choices::default() }).await;

    let answer = app.create("hi").await;
    let thread = answer.thread_id();
    let delete = json!({ "type": "threads.delete", "params": { "thread_id": thread } });
    app.post("/chatkit", &delete).await;

    assert_eq!(answer.types().last().unwrap(), "error");
    until_async("it is there", async || usage(&app, None).await["days"][0]["turns"] == 1).await;
    assert_eq!(usage(&app, None).await["days"][0]["cost_usd"], 0.001);
}

/// Two processes over one database: what one counts, the other knows.
#[tokio::test]
async fn limits_hold_across_replicas() {
    let Some(url) = postgres::database().await else { return };
    for (limits, allowed) in
        [(per_minute(10), 10), (CallerLimits { turns_at_once: Some(10), ..NONE }, 10)]
    {
        let user = if limits.turns_at_once.is_some() { "ada" } else { "bob" };
        let (authentication, [key]) = known([("", user, "chat")]);
        let house = async || {
            let model = ScriptedModel::new((0..40).map(|_| Act::Hang(Vec::new())));
            let store = Some(contract::store(&url).await);
            let (authentication, caller_limits) = (authentication.clone(), limits);
            let choices =
                Choices { model, store, caller_limits, authentication, ..Choices::default() };
            TestApp::new(choices).await
        };
        let houses = [house().await, house().await];
        let request = || with_key(json_request("/chat", &hello()), &key);

        let opened = (0..40).map(|number| houses[number % 2].open(request()));
        let answers = join_all(opened).await;

        let accepted = answers.iter().filter(|answer| answer.status() == 200).count();
        assert_eq!(accepted, allowed, "{limits:?}");
        drop(answers);
        for house in &houses {
            house.idle().await;
        }
        let again = houses[1].open(request()).await.status().as_u16();
        assert_eq!(again, if limits.turns_at_once.is_some() { 200 } else { 429 });
    }
}

#[tokio::test]
async fn what_was_used_is_known_to_the_next_process() {
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let limits = CallerLimits { cost_per_day: Some(Cost::from_nanos(2_000_000)), ..per_minute(9) };

    let mut statuses = Vec::new();
    for _ in 0..3 {
        let store = Some(contract::store(&url).await);
        let model = ScriptedModel::new([says("One.")]);
        let choices = Choices { model, store, caller_limits: limits, ..Choices::default() };
        statuses.push(TestApp::new(choices).await.ask(&hello()).await.status.as_u16());
    }

    assert_eq!(statuses, [200, 200, 429]);
}
