//! What a provider attaches: kept as it came, sent back under the name it came with.

use orchestrator::agents::ModelRequest;
use orchestrator::domain::{Assistant, Message};
use orchestrator::model::{Body, Decoder, ProviderFamily, Recipient, StreamEnd, ToolDeclarations};
use serde_json::{Value, json};
use tokio::time::Instant;

#[test]
fn a_gateways_signatures_go_back_where_they_came_from() {
    let fields = json!({"thought_signature": "SIG/+="});
    let of_text = json!({"thought_signatures": ["T="]});
    let said = read(&[
        json!({"content": "On it.", "provider_specific_fields": of_text}),
        json!({"tool_calls": [called("1", json!({"provider_specific_fields": fields}))]}),
    ]);

    let sent = sent(&said, "gateway", ProviderFamily::Gemini);

    assert_eq!(sent["provider_specific_fields"], of_text);
    assert_eq!(sent["tool_calls"][0]["provider_specific_fields"], fields);
    assert_eq!(sent.get("extra_content"), None);
    assert_eq!(sent["tool_calls"][0].get("extra_content"), None, "no stand-in beside a signature");
}

#[test]
fn nobody_else_hears_of_them() {
    let fields = json!({"thought_signature": "SIG/+="});
    let said =
        read(&[json!({"tool_calls": [called("1", json!({"provider_specific_fields": fields}))]})]);

    let told = sent(&said, "another", ProviderFamily::OpenAi).to_string();

    assert!(!told.contains("SIG") && !told.contains("fields"), "{told}");
}

#[test]
fn both_forms_may_come_together() {
    let extra = json!({"google": {"thought_signature": "G"}});
    let fields = json!({"thought_signature": "L"});
    let both = json!({"extra_content": extra, "provider_specific_fields": fields});
    let said = read(&[json!({"tool_calls": [called("1", both)]})]);

    let sent = &sent(&said, "gateway", ProviderFamily::Gemini)["tool_calls"][0];

    assert_eq!((&sent["extra_content"], &sent["provider_specific_fields"]), (&extra, &fields));
}

#[test]
fn what_a_gateway_says_beside_signatures_is_not_kept() {
    for fields in [json!(null), json!({}), json!({"refusal": null}), json!({"citations": [[]]})] {
        let said = read(&[json!({"content": "Hi.", "provider_specific_fields": fields})]);
        assert_eq!(said.extra, None, "{fields}");
    }
}

#[test]
fn a_signature_packed_into_an_id_is_one() {
    let said = read(&[json!({"tool_calls": [called("call_1__thought__SIG", json!({}))]})]);

    let call = &sent(&said, "gateway", ProviderFamily::Gemini)["tool_calls"][0];

    assert_eq!((&call["id"], call.get("extra_content")), (&json!("call_1__thought__SIG"), None));
}

#[test]
fn a_provider_is_known_by_what_it_speaks_and_where_and_not_by_a_nickname() {
    let extra = json!({"google": {"thought_signature": "SIG"}});
    let of = |by: Option<&str>| Assistant {
        extra: Some(extra.clone()),
        by: by.map(str::to_owned),
        text: "Hi.".to_owned(),
        ..Assistant::default()
    };
    let here = "gemini@here";
    let table = [
        // Its own, whatever it is called here.
        (Some(here), None, ProviderFamily::Gemini, true),
        (Some(here), Some("second"), ProviderFamily::Gemini, true),
        (Some(here), Some("second"), ProviderFamily::OpenAi, true),
        // Another's.
        (Some("gemini@there"), None, ProviderFamily::Gemini, false),
        (Some("gemini@there"), None, ProviderFamily::OpenAi, false),
        // Of an older version: the first model's, which may have been at another server.
        (None, None, ProviderFamily::Gemini, true),
        (None, None, ProviderFamily::OpenAi, false),
        (None, Some("second"), ProviderFamily::Gemini, false),
        (Some("second"), Some("second"), ProviderFamily::Gemini, true),
        (Some("second"), Some("second"), ProviderFamily::OpenAi, false),
        (Some("second"), None, ProviderFamily::Gemini, false),
    ];

    for (by, name, family, is_echoed) in table {
        let recipient = Recipient { model: "gemini-2.5-flash", provider: here, name, family };
        let sent = told(&of(by), recipient);
        assert_eq!(sent.get("extra_content").is_some(), is_echoed, "{by:?} to {recipient:?}");
    }
}

fn called(id: &str, more: Value) -> Value {
    let mut call = json!({"id": id, "index": 0, "type": "function",
        "function": {"name": "x", "arguments": "{}"}});
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call
}

/// What was said, by a provider called `gateway`.
fn read(deltas: &[Value]) -> Assistant {
    let (mut decoder, mut out) = (Decoder::default(), Vec::new());
    for delta in deltas {
        decoder.push(json!({"choices": [{"delta": delta, "index": 0}]}).into(), &mut out).unwrap();
    }
    let reply = decoder.finish(StreamEnd::Done, &mut out).unwrap();
    Assistant { by: Some("gateway".to_owned()), ..reply.message }
}

/// The same as it is told to a provider.
fn sent(said: &Assistant, provider: &str, family: ProviderFamily) -> Value {
    told(said, Recipient { model: "gemini-3.5-flash", provider, name: None, family })
}

fn told(said: &Assistant, recipient: Recipient<'_>) -> Value {
    let messages = [Message::User { text: "Hi".to_owned() }, Message::Assistant(said.clone())];
    let deadline = Instant::now();
    let request = ModelRequest {
        model: None,
        system: "S",
        messages: &messages,
        images: &[],
        tools: &[],
        deadline,
    };
    json!(Body::new(recipient, &request, &ToolDeclarations::default()))["messages"][2].clone()
}
