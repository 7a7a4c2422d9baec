//! The brain: decides, performs nothing.

use orchestrator::agents::{
    Batch, Finish, Limit, Overspent, Run, RunLimits, SpendBudget, Step, ToolError,
};
use orchestrator::domain::{Cost, Message, ToolCall, ToolResult};
use serde_json::{Value, json};

use crate::support::doubles::{catalog, one_call, reply, tool_calls};

const TOOLS: &[&str] = &["read_a", "read_b", "set_a", "add"];

#[test]
fn a_reply_without_calls_completes_the_run() {
    let mut run = run(8);
    assert_eq!(run.step(), Step::AskModel);

    run.on_reply(reply("done", Vec::new()), &catalog(TOOLS));

    assert_eq!(run.step(), Step::Done(Finish::Completed));
    assert_eq!(run.steps(), 1);
}

#[test]
fn neighbouring_reads_run_together_and_every_other_call_alone_in_the_models_order() {
    let names = ["read_a", "read_b", "add", "set_a", "read_a"];
    let calls: Vec<_> =
        names.iter().enumerate().map(|(n, name)| (*name, json!({ "n": n }))).collect();

    let batches = plan(&mut run(8), &calls);

    let names: Vec<Vec<_>> =
        batches.iter().map(|batch| batch.iter().map(|p| p.call.name.as_str()).collect()).collect();
    assert_eq!(names, [vec!["read_a", "read_b"], vec!["add"], vec!["set_a"], vec!["read_a"]]);
}

#[test]
fn unknown_tools_and_arguments_that_are_no_object_are_answered_in_words() {
    let mut run = run(8);
    assert_eq!(run.step(), Step::AskModel);
    let mut calls = tool_calls(&[("nothing", json!({})), ("add", json!([1])), ("add", json!({}))]);
    calls.push(ToolCall { arguments: "{\"a\":".to_owned(), ..calls[2].clone() });

    run.on_reply(reply("", calls), &catalog(TOOLS));
    let Step::CallTools(batches) = run.step() else { panic!("no tools were called") };

    let refusals: Vec<_> = batches.into_iter().flatten().map(|planned| planned.refusal).collect();
    let expected =
        [Some(ToolError::Unknown), Some(ToolError::Arguments), None, Some(ToolError::Arguments)];
    assert_eq!(refusals, expected);
}

#[test]
fn empty_arguments_are_an_empty_object() {
    let call =
        ToolCall { arguments: String::new(), ..tool_calls(&[("add", json!({}))])[0].clone() };

    assert_eq!(call.object(), Some(serde_json::Map::new()));
}

#[test]
fn at_the_step_limit_no_further_model_call_is_made() {
    let mut run = run(2);

    for n in 0..2 {
        round(&mut run, &[("add", json!({ "n": n }))]);
    }

    assert_eq!(run.step(), Step::Done(Finish::StepLimit { steps: 2 }));
}

#[test]
fn a_used_up_budget_is_noticed_before_the_model_is_asked_again_and_never_before_the_calls() {
    let tokens = SpendBudget { max_tokens: Some(20), max_cost: None };
    let cost = SpendBudget { max_tokens: None, max_cost: Some(Cost::from_nanos(1_500_000)) };
    let limits = [Limit::Tokens(20), Limit::Cost(Cost::from_nanos(1_500_000))];

    for (budget, limit) in [tokens, cost].into_iter().zip(limits) {
        let mut run = Run::new(Vec::new(), RunLimits { max_steps: 8, budget });
        for n in 0..2 {
            assert_eq!(run.step(), Step::AskModel);
            run.on_spend(one_call());
            run.on_reply(reply("", tool_calls(&[("add", json!({ "n": n }))])), &catalog(TOOLS));
            let Step::CallTools(batches) = run.step() else { panic!("no tools were called") };
            run.on_results(results_of(&batches));
        }

        let spent = one_call() + one_call();
        let over = Finish::OverBudget(Box::new(Overspent { spent, limit }));
        assert_eq!(run.step(), Step::Done(over));
        assert_eq!(run.steps(), 2);
    }
}

#[test]
fn a_whole_reply_completes_the_run_whatever_it_cost() {
    let budget = SpendBudget { max_tokens: Some(1), max_cost: None };
    let mut run = Run::new(Vec::new(), RunLimits { max_steps: 8, budget });
    assert_eq!(run.step(), Step::AskModel);

    run.on_spend(one_call());
    run.on_reply(reply("done", Vec::new()), &catalog(TOOLS));

    assert_eq!(run.step(), Step::Done(Finish::Completed));
}

#[test]
fn the_same_call_three_times_is_told_and_five_times_ends_the_run() {
    let mut run = run(100);
    let same = [json!({ "a": 1, "b": 2 }), json!({ "b": 2, "a": 1 })];

    let mut told = Vec::new();
    for n in 0..4 {
        let results = round(&mut run, &[("add", same[n % 2].clone())]);
        told.push(results[0].output.contains("three times"));
    }
    let last = plan(&mut run, &[("add", same[0].clone()), ("read_a", json!({}))]);

    assert_eq!(told, [false, false, true, false]);
    assert_eq!(last[0][0].refusal, Some(ToolError::Repeated));
    run.on_results(results_of(&last));
    assert_eq!(run.step(), Step::Done(Finish::Repeated { tool: "add".to_owned() }));
}

#[test]
fn every_call_is_answered_in_one_block_in_the_transcript() {
    let mut run = run(8);

    round(&mut run, &[("read_a", json!({})), ("add", json!({})), ("nothing", json!({}))]);

    let [.., Message::Assistant(said), Message::Tools { results }] = run.transcript() else {
        panic!("{:?}", run.transcript())
    };
    let asked: Vec<_> = said.calls.iter().map(|call| &call.id).collect();
    let answered: Vec<_> = results.iter().map(|result| &result.id).collect();
    assert_eq!(asked, answered);
}

#[test]
fn calls_that_the_transcript_ends_with_are_made_before_the_model_is_asked() {
    let calls = tool_calls(&[("add", json!({})), ("read_a", json!({}))]);
    let said = reply("", calls.clone()).message;
    let transcript = vec![Message::User { text: "hi".to_owned() }, Message::Assistant(said)];
    let mut run = Run::new(transcript, RunLimits { max_steps: 8, budget: SpendBudget::default() });

    run.go_on(&catalog(TOOLS));

    let Step::CallTools(batches) = run.step() else { panic!("no tools were called") };
    let planned: Vec<_> = batches.iter().flatten().map(|planned| &planned.call).collect();
    assert_eq!(planned, calls.iter().collect::<Vec<_>>());
    run.on_results(results_of(&batches));
    assert_eq!(run.step(), Step::AskModel);
}

#[test]
fn an_open_call_finds_its_tool_though_the_tool_is_called_otherwise_now() {
    let mut calls = tool_calls(&[("add", json!({}))]);
    catalog(&["add"]).identify(&mut calls);
    let mut renamed = catalog(&["add"]);
    renamed.tools[0].name = "fake__add".to_owned();
    let said = reply("", calls).message;
    let transcript = vec![Message::User { text: "hi".to_owned() }, Message::Assistant(said)];
    let mut run = Run::new(transcript, RunLimits { max_steps: 8, budget: SpendBudget::default() });

    run.go_on(&renamed);

    let Step::CallTools(batches) = run.step() else { panic!("no tools were called") };
    assert_eq!(batches[0][0].refusal, None);
}

fn run(max_steps: u32) -> Run {
    Run::new(
        vec![Message::User { text: "hi".to_owned() }],
        RunLimits { max_steps, budget: SpendBudget::default() },
    )
}

fn plan(run: &mut Run, calls: &[(&str, Value)]) -> Vec<Batch> {
    assert_eq!(run.step(), Step::AskModel);
    run.on_reply(reply("", tool_calls(calls)), &catalog(TOOLS));
    let Step::CallTools(batches) = run.step() else { unreachable!("no tools were called") };
    batches
}

fn round(run: &mut Run, calls: &[(&str, Value)]) -> Vec<ToolResult> {
    let batches = plan(run, calls);
    run.on_results(results_of(&batches))
}

fn results_of(batches: &[Batch]) -> Vec<ToolResult> {
    let answer = |call: &ToolCall| ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        output: "yes".to_owned(),
        is_error: false,
        origin: None,
    };
    batches.iter().flatten().map(|planned| answer(&planned.call)).collect()
}

#[test]
fn what_the_model_is_sent_stays_within_its_limit_however_much_tools_answer() {
    let limits = RunLimits { max_steps: 9, budget: SpendBudget::default() };
    let mut run = Run::new(vec![Message::User { text: "go".to_owned() }], limits).within(1_000);
    let catalog = catalog(&["read_a"]);
    for round in 0..8 {
        assert_eq!(run.step(), Step::AskModel);
        assert!(orchestrator::agents::bytes_of(run.transcript()) <= 4_000, "round {round}");
        run.on_reply(reply("", tool_calls(&[("read_a", json!({ "n": round }))])), &catalog);
        let Step::CallTools(batches) = run.step() else { panic!("no calls") };
        let call = &batches[0][0].call;
        let (id, name) = (call.id.clone(), call.name.clone());
        run.on_results(vec![ToolResult {
            id,
            name,
            output: "x".repeat(3_000),
            is_error: false,
            origin: None,
        }]);
    }
    let Some(Message::Tools { results }) = run.transcript().last() else { panic!() };
    assert_eq!(results[0].output.len(), 3_000, "the newest gives way last");
}
