//! Every known shape of a stream, and what a correct reader makes of it.

use bytes::Bytes;
use orchestrator::agents::{Delta, ModelError};
use orchestrator::domain::{Reply, Usage};
use orchestrator::model::{Chunk, Decoder, Failure, StreamEnd, play};
use orchestrator::resilience::{Repeat, Verdict};
use serde_json::{Value, json};

#[test]
fn text_in_pieces_is_one_answer_and_the_last_counters_win() {
    let chunks = [
        chunk(json!({"content": "Hello, ", "role": "assistant"}), None, Some((10, 1, 11))),
        chunk(json!({"content": "world.", "role": "assistant"}), Some("stop"), Some((10, 5, 40))),
    ];

    let (said, reply) = read(&chunks, StreamEnd::Done);

    assert_eq!(said, [text("Hello, "), text("world.")]);
    let reply = reply.unwrap();
    assert_eq!(reply.message.text, "Hello, world.");
    let usage = Usage { input_tokens: 10, cached_tokens: 0, output_tokens: 5, thinking_tokens: 25 };
    assert_eq!(usage_of(&chunks), Some(usage));
}

#[test]
fn a_finish_reason_or_done_ends_an_answer_and_neither_is_a_cut() {
    let piece = |finish| chunk(json!({"content": "Hi"}), finish, None);

    assert!(read(&[piece(Some("stop"))], StreamEnd::Cut).1.is_ok());
    assert!(read(&[piece(None)], StreamEnd::Done).1.is_ok());
    assert!(read(&[piece(Some(""))], StreamEnd::Done).1.is_ok());
    let cut = read(&[piece(None)], StreamEnd::Cut).1.unwrap_err();
    assert_eq!(cut, Failure { error: ModelError::Truncated, ..cut.clone() });
    assert_eq!((cut.verdict, cut.repeat), (Verdict::Ill, Repeat::AfterBackoff));
}

#[test]
fn a_whole_call_without_a_number_is_read() {
    let call = json!({"function": {"arguments": "{\"pattern\":\"*\"}", "name": "glob"},
        "id": "function-call-18439433602034082669", "type": "function"});
    let chunks = [chunk(
        json!({"role": "assistant", "tool_calls": [call]}),
        Some("tool_calls"),
        Some((3379, 12, 3459)),
    )];

    let reply = read(&chunks, StreamEnd::Done).1.unwrap();

    assert_eq!(calls(&reply), ["function-call-18439433602034082669 glob {\"pattern\":\"*\"}"]);
    assert_eq!(usage_of(&chunks).unwrap().thinking_tokens, 68);
}

#[test]
fn parallel_calls_are_told_apart_by_id_however_they_are_numbered() {
    let one = json!({"index": 0, "id": "a", "function": {"name": "x", "arguments": "{}"}});
    let two = json!({"index": 0, "id": "b", "function": {"name": "x", "arguments": "{\"n\":1}"}});
    let together = [chunk(json!({"tool_calls": [one, two]}), Some("tool_calls"), None)];
    let apart = [tool(one), tool(two), stop()];

    for chunks in [&together[..], &apart[..]] {
        let reply = read(chunks, StreamEnd::Done).1.unwrap();
        assert_eq!(calls(&reply), ["a x {}", "b x {\"n\":1}"]);
    }
}

#[test]
fn calls_in_pieces_are_put_together_and_empty_fields_overwrite_nothing() {
    let chunks = [
        tool(json!({"index": 0, "id": "a", "function": {"name": "add", "arguments": ""}})),
        tool(json!({"index": 1, "id": "b", "function": {"name": "list", "arguments": ""}})),
        tool(json!({"index": 0, "id": "", "function": {"name": "", "arguments": "{\"t\":"}})),
        tool(json!({"index": 1, "function": {"arguments": "{}"}})),
        tool(json!({"index": 0, "id": null, "function": {"name": null, "arguments": "\"m\"}"}})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": null}),
        json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}),
    ];

    let reply = read(&chunks, StreamEnd::Done).1.unwrap();

    assert_eq!(calls(&reply), ["a add {\"t\":\"m\"}", "b list {}"]);
    let usage = Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() };
    assert_eq!(usage_of(&chunks), Some(usage));
}

#[test]
fn calls_without_ids_get_their_own() {
    let call = json!({"id": "", "function": {"name": "x", "arguments": "{}"}});

    let reply = read(&[tool(json!(call)), tool(call), stop()], StreamEnd::Done).1.unwrap();

    let [one, two] = &*reply.message.calls else { unreachable!("two calls were sent") };
    assert!(one.id.as_str().starts_with("call_") && one.id != two.id);
}

#[test]
fn signatures_stay_with_their_call_byte_for_byte() {
    let extra = json!({"google": {"thought_signature": "SIG1+/="}});
    let signed =
        json!({"id": "a", "extra_content": extra, "function": {"name": "x", "arguments": "{}"}});
    let bare = json!({"id": "b", "function": {"name": "y", "arguments": "{}"}});
    let with_call = [tool(json!(signed)), tool(json!(bare)), stop()];
    let before = [
        tool(json!({"extra_content": extra})),
        tool(json!({"id": "a",
        "function": {"name": "x", "arguments": "{}"}})),
        tool(json!(bare)),
        stop(),
    ];
    let after = [
        tool(json!({"id": "a", "index": 0, "function": {"name": "x", "arguments": "{}"}})),
        tool(json!({"index": 0, "extra_content": extra})),
        tool(json!(bare)),
        stop(),
    ];

    for chunks in [&with_call[..], &before[..], &after[..]] {
        let reply = read(chunks, StreamEnd::Done).1.unwrap();
        let extras: Vec<_> = reply.message.calls.iter().map(|call| call.extra.clone()).collect();
        assert_eq!(extras, [Some(extra.clone()), None]);
    }
}

#[test]
fn a_signature_behind_a_text_is_kept_for_the_text() {
    let extra = json!({"google": {"thought_signature": "T"}});
    let chunks = [
        chunk(json!({"content": "Done."}), None, None),
        chunk(json!({"extra_content": extra, "role": "assistant"}), Some("stop"), None),
    ];

    let reply = read(&chunks, StreamEnd::Done).1.unwrap();

    assert_eq!(reply.message.extra, Some(extra));
}

#[test]
fn flagged_thoughts_lose_their_tags_and_stay_out_of_the_answer() {
    let flag = json!({"google": {"thought": true}});
    let chunks = [
        chunk(json!({"content": "<thought>Let me see. ", "extra_content": flag}), None, None),
        chunk(json!({"content": "Yes.", "extra_content": flag}), None, None),
        chunk(json!({"content": "</thought>Here it is."}), Some("stop"), None),
    ];

    let (said, reply) = read(&chunks, StreamEnd::Done);

    assert_eq!(said, [thought("Let me see. "), thought("Yes."), text("Here it is.")]);
    let message = reply.unwrap().message;
    assert_eq!((&*message.text, message.extra), ("Here it is.", None));
}

#[test]
fn a_closing_tag_alone_may_come_with_a_call() {
    let call = json!({"id": "a", "function": {"name": "x", "arguments": "{}"}});
    let chunks = [
        chunk(
            json!({"content": "<thought>Hm", "extra_content": {"google": {"thought": true}}}),
            None,
            None,
        ),
        chunk(json!({"content": "</thought>", "tool_calls": [call]}), None, None),
    ];

    let (said, reply) = read(&chunks, StreamEnd::Done);

    assert_eq!(said, [thought("Hm")]);
    assert_eq!(calls(&reply.unwrap()), ["a x {}"]);
    assert_eq!(read(&chunks, StreamEnd::Cut).1.unwrap_err().error, ModelError::Truncated);
}

#[test]
fn tags_without_a_flag_are_found_even_in_single_characters() {
    let whole = "<thought>a < b</thought>It is </thought>.";
    let pieces: Vec<_> =
        whole.chars().map(|c| chunk(json!({"content": c.to_string()}), None, None)).collect();

    let (said, reply) = read(&pieces, StreamEnd::Done);

    let thoughts: String = said
        .iter()
        .map(|delta| if let Delta::Thought(text) = delta { &**text } else { "" })
        .collect();
    assert_eq!(thoughts, "a < b");
    assert_eq!(reply.unwrap().message.text, "It is </thought>.");
}

#[test]
fn think_tags_at_the_beginning_are_thoughts_wherever_they_are_cut() {
    let whole = "\n<think>\nIs 1 < 2? </thought>Yes.\n</think>\n\nIt is. <think>Well</think>";
    let table: Vec<Vec<&str>> = (1..whole.len())
        .filter(|cut| whole.is_char_boundary(*cut))
        .map(|cut| vec![&whole[..cut], &whole[cut..]])
        .chain([vec![whole], whole.split_inclusive(|_| true).collect()])
        .collect();

    for pieces in table {
        let chunks: Vec<_> =
            pieces.iter().map(|piece| chunk(json!({"content": piece}), None, None)).collect();
        let (said, reply) = read(&chunks, StreamEnd::Done);
        let thoughts: String = said
            .iter()
            .map(|delta| if let Delta::Thought(text) = delta { &**text } else { "" })
            .collect();
        assert_eq!(thoughts, "\nIs 1 < 2? </thought>Yes.\n", "{pieces:?}");
        assert_eq!(reply.unwrap().message.text, "It is. <think>Well</think>", "{pieces:?}");
    }
}

#[test]
fn thoughts_that_come_under_two_names_are_thought_once() {
    let both = json!({"reasoning": "Hm", "reasoning_content": "Hm", "content": "Yes"});

    let (said, _) = read(&[chunk(both, Some("stop"), None)], StreamEnd::Done);

    assert_eq!(said, [thought("Hm"), text("Yes")]);
}

#[test]
fn a_call_written_as_code_is_never_shown_and_is_malformed_whatever_the_finish() {
    let codes = [
        "print(default_api.add(title=\"milk\"))",
        "\n default_api.add(title=\"milk\")",
        "```tool_code\nprint(default_api.add())\n```",
        "```python\nprint(default_api.add())\n```",
        "<tool_code>\nadd()",
    ];
    for (code, finish) in codes.iter().flat_map(|code| {
        ["function_call_filter: MALFORMED_FUNCTION_CALL", "stop"].map(|finish| (code, finish))
    }) {
        for pieces in [vec![*code], code.split_inclusive(|_| true).collect()] {
            let mut chunks: Vec<_> =
                pieces.iter().map(|piece| chunk(json!({"content": piece}), None, None)).collect();
            chunks.push(chunk(json!({}), Some(finish), None));

            let (said, reply) = read(&chunks, StreamEnd::Done);

            assert_eq!(said, [], "{code}");
            let failure = reply.unwrap_err();
            assert_eq!(
                (failure.error, failure.repeat),
                (ModelError::Malformed, Repeat::AfterBackoff)
            );
        }
    }
}

#[test]
fn code_beside_a_call_that_can_be_read_is_left_out() {
    let called = json!({"id": "a", "function": {"name": "x", "arguments": "{}"}});
    let chunks =
        [chunk(json!({"content": "print(default_api.x())"}), None, None), tool(called), stop()];

    let (said, reply) = read(&chunks, StreamEnd::Done);

    let reply = reply.unwrap();
    assert_eq!((said, &*reply.message.text), (vec![], ""));
    assert_eq!(calls(&reply), ["a x {}"]);
}

#[test]
fn an_answer_that_only_opens_like_code_is_shown_whole() {
    let long = format!("default_api.{}", "x".repeat(70_000));
    for whole in ["print", "print(\"hi\") writes hi.", "  defaults", "```\nlet x;\n```", &long] {
        for size in [1, 7, whole.len()] {
            let chunks: Vec<_> = whole
                .as_bytes()
                .chunks(size)
                .map(|piece| chunk(json!({"content": String::from_utf8_lossy(piece)}), None, None))
                .collect();
            let (said, reply) = read(&chunks, StreamEnd::Done);
            let shown: String = said
                .iter()
                .map(|delta| if let Delta::Text(text) = delta { &**text } else { "" })
                .collect();
            assert_eq!((&*shown, &*reply.unwrap().message.text), (whole, whole));
        }
    }
}

#[test]
fn an_answer_that_only_looks_like_a_tag_is_shown_whole() {
    let (said, reply) =
        read(&[chunk(json!({"content": "<tho"}), Some("stop"), None)], StreamEnd::Done);

    assert_eq!(said, [text("<tho")]);
    assert_eq!(reply.unwrap().message.text, "<tho");
}

#[test]
fn thoughts_of_other_servers_are_thoughts() {
    for key in ["reasoning", "reasoning_content"] {
        let chunks = [
            chunk(json!({key: "Hm", "content": null}), None, None),
            chunk(json!({"content": [{"type": "text", "text": "Yes"}]}), Some("stop"), None),
        ];

        let (said, _) = read(&chunks, StreamEnd::Done);

        assert_eq!(said, [thought("Hm"), text("Yes")]);
    }
}

#[test]
fn answers_that_are_none_are_named() {
    let glued = json!({"id": "a", "function": {"name": "x", "arguments": "{\"a\":1}{\"b\":2}"}});
    let nameless = json!({"id": "a", "function": {"arguments": "{}"}});
    let huge = json!({"id": "a", "function": {"name": "x", "arguments": "x".repeat(300_000)}});
    let blocked = |why: &str| ModelError::Blocked(why.to_owned());
    let table = [
        (
            chunk(json!({"role": "assistant"}), Some("stop"), Some((5051, 0, 5051))),
            ModelError::Empty,
        ),
        (chunk(json!({"content": " \n"}), Some("stop"), None), ModelError::Empty),
        (chunk(json!({}), Some("length"), None), ModelError::TooLong),
        (chunk(json!({"content": "Part"}), Some("length"), None), ModelError::TooLong),
        (finish("function_call_filter: MALFORMED_FUNCTION_CALL"), ModelError::Malformed),
        (finish("content_filter: PROHIBITED_CONTENT"), blocked("PROHIBITED_CONTENT")),
        (finish("content_filter"), blocked("no reason given")),
        (finish("content_filter: the user said bad things"), blocked("no reason given")),
        (chunk(json!({"refusal": "I will not."}), Some("stop"), None), blocked("refusal")),
        (tool(glued), ModelError::Malformed),
        (tool(nameless), ModelError::Malformed),
        (tool(huge), ModelError::Malformed),
    ];

    for (chunk, expected) in table {
        let failure = read(&[chunk], StreamEnd::Done).1.unwrap_err();
        let again = matches!(failure.error, ModelError::Empty | ModelError::Malformed);
        assert_eq!(failure.error, expected);
        assert_eq!(failure.verdict, Verdict::Answered, "{expected}");
        assert_eq!(failure.repeat != Repeat::Never, again, "{expected}");
    }
}

#[test]
fn arguments_that_are_no_object_are_left_to_the_agent() {
    for arguments in ["{\"a\":", "[1]", "nonsense"] {
        let call = json!({"id": "a", "function": {"name": "x", "arguments": arguments}});

        let reply = read(&[tool(call), stop()], StreamEnd::Done).1.unwrap();

        assert_eq!(calls(&reply), [format!("a x {arguments}")]);
    }
}

#[test]
fn too_many_calls_are_malformed() {
    let call = |n: u32| tool(json!({"id": n.to_string(), "function": {"name": "x"}}));
    let chunks: Vec<_> = (0..65).map(call).collect();

    assert_eq!(read(&chunks, StreamEnd::Done).1.unwrap_err().error, ModelError::Malformed);
    assert_eq!(read(&chunks[1..], StreamEnd::Done).1.unwrap().message.calls.len(), 64);
}

#[test]
fn errors_inside_a_stream_are_read_like_refusals() {
    let bare = json!({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}});
    let beside = json!({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
        "error": {"code": "server_error", "message": "Provider disconnected"}});

    for chunk in [bare.clone(), json!([bare]), beside] {
        let failure = read(&[chunk], StreamEnd::Done).1.unwrap_err();
        assert!(matches!(failure.error, ModelError::Unavailable { .. }), "{failure:?}");
        assert_eq!(failure.verdict, Verdict::Ill);
    }
    let failure = read(&[finish("error")], StreamEnd::Done).1.unwrap_err();
    assert!(matches!(failure.error, ModelError::Failed(_)));
}

#[test]
fn a_whole_completion_is_read_too() {
    let completion = json!({"choices": [{"finish_reason": "tool_calls", "index": 0, "message": {
        "content": "On it.", "role": "assistant", "tool_calls": [
            {"id": "a", "function": {"name": "x", "arguments": "{}"}, "type": "function"}]}}],
        "usage": {"prompt_tokens": 17, "completion_tokens": 2, "total_tokens": 49}});

    let (said, reply) = read(std::slice::from_ref(&completion), StreamEnd::Done);

    assert_eq!(said, [text("On it.")]);
    let reply = reply.unwrap();
    assert_eq!(calls(&reply), ["a x {}"]);
    assert_eq!(usage_of(&[completion]).unwrap().thinking_tokens, 30);
}

#[test]
fn tokens_seen_before_are_counted_and_counters_that_never_came_are_unknown() {
    let usage = json!({"prompt_tokens": 2_200, "total_tokens": 2_205,
        "prompt_tokens_details": {"cached_tokens": 2_048}});
    let cached = json!({"choices": [], "usage": usage});
    let nulls = json!({"choices": [], "usage": {"prompt_tokens": null}});

    let found = usage_of(&[cached, nulls.clone()]).unwrap();

    assert_eq!((found.input_tokens, found.cached_tokens), (2_200, 2_048));
    assert_eq!((found.output_tokens, found.thinking_tokens), (0, 5));
    assert_eq!(usage_of(&[nulls, chunk(json!({"content": "Hi"}), None, None)]), None);
}

fn usage_of(chunks: &[Value]) -> Option<Usage> {
    let mut decoder = Decoder::default();
    for chunk in chunks {
        decoder.push(chunk.clone().into(), &mut Vec::new()).unwrap();
    }
    decoder.usage()
}

/// Reads the chunks as they come off the wire; read as loose JSON they must say the same.
pub(super) fn read(chunks: &[Value], ending: StreamEnd) -> (Vec<Delta>, Result<Reply, Failure>) {
    let wire: Vec<_> = chunks.iter().map(Value::to_string).collect();
    let from_wire = wire.iter().map(|chunk| Chunk::read(chunk.as_bytes()).unwrap());
    let (said, reply) = decode(from_wire, ending);
    let (said_loosely, read_loosely) = decode(chunks.iter().cloned().map(Chunk::from), ending);
    assert_eq!(said, said_loosely);
    assert_eq!(without_ids(&reply), without_ids(&read_loosely));
    (said, reply)
}

fn decode<'a>(
    chunks: impl Iterator<Item = Chunk<'a>>,
    ending: StreamEnd,
) -> (Vec<Delta>, Result<Reply, Failure>) {
    let (mut decoder, mut said) = (Decoder::default(), Vec::new());
    for chunk in chunks {
        if let Err(failure) = decoder.push(chunk, &mut said) {
            return (said, Err(failure));
        }
    }
    let reply = decoder.finish(ending, &mut said);
    (said, reply)
}

/// A call that came without an id is given another each time.
fn without_ids(reply: &Result<Reply, Failure>) -> Result<Reply, Failure> {
    let mut reply = reply.clone();
    for call in reply.iter_mut().flat_map(|reply| &mut reply.message.calls) {
        call.id = "".into();
    }
    reply
}

fn chunk(delta: Value, finish: Option<&str>, usage: Option<(u64, u64, u64)>) -> Value {
    let finish = finish.map(|finish| ("finish_reason", json!(finish)));
    let choice = [("delta", delta), ("index", json!(0))].into_iter().chain(finish);
    let usage = usage.map(|(prompt, completion, total)| {
        let counts = json!({"completion_tokens": completion, "prompt_tokens": prompt,
            "total_tokens": total});
        ("usage", counts)
    });
    object([("choices", json!([object(choice)]))].into_iter().chain(usage))
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn tool(call: Value) -> Value {
    chunk(json!({"role": "assistant", "tool_calls": [call]}), None, None)
}

fn finish(reason: &str) -> Value {
    chunk(json!({}), Some(reason), None)
}

fn stop() -> Value {
    chunk(json!({"role": "assistant"}), Some("stop"), None)
}

fn text(words: &str) -> Delta {
    Delta::Text(words.to_owned())
}

fn thought(words: &str) -> Delta {
    Delta::Thought(words.to_owned())
}

fn calls(reply: &Reply) -> Vec<String> {
    let calls = reply.message.calls.iter();
    calls.map(|call| format!("{} {} {}", call.id, call.name, call.arguments)).collect()
}

#[tokio::test]
async fn a_reply_that_is_ended_by_its_length_is_billed() {
    let text = "word ".repeat(300_000);
    let chunk = chunk(json!({ "content": text }), None, Some((10, 5, 40)));

    let event = Bytes::from(format!("data: {chunk}\n\n"));
    let played = play("text/event-stream", vec![event]).await;

    assert!(matches!(played.result, Err(ModelError::TooLong)), "{:?}", played.result);
    assert_eq!(played.usage.input_tokens, 10);
}
