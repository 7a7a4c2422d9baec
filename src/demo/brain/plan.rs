//! Goes through a conversation turn by turn and decides what comes next (ADR 9).
//!
//! Nothing is stored between calls: like a real model, every turn is read again from the
//! transcript, and its rounds are replayed. A turn has up to four kinds of rounds: create and look,
//! look further, act, show. A form may follow; it ends the turn.

use super::acting::arguments::{acting, creation, listing, looking};
use super::acting::lookup::{Page, Todo, passes, read_page};
use super::acting::outcome::{Outcome, outcome};
use super::acting::roles::Roles;
use super::job::Job;
use super::memory::{Memory, Pending, is_idle, understand_after};
use super::reading::filter::Filter;
use super::reading::intent::{Intent, SmallTalk};
use super::resolve::{Act, Resolved, Trouble, resolve};
use super::saying::form::{self, Form};
use super::saying::say::{self, Made};
use super::saying::small_talk;
use super::saying::trouble;
use super::saying::undoing;
use super::turns::{ConversationTurn, Round, turns};
use crate::conversation::{BrainAnswer, Call, Conversation, PlannedCall};
use serde_json::Map;

/// Pages of a list that are read.
const PAGES: usize = 4;

/// Changes per turn. The rest waits until the user says it again.
const MOST_ACTS: usize = 100;

/// What the offline model says or does next.
///
/// Pure: the same conversation gives the same answer.
pub fn answer(conversation: &Conversation) -> BrainAnswer {
    let mut memory = Memory::default();
    let mut answer = small_talk::greeting();
    let turns = turns(&conversation.said);
    for (left, turn) in (0..turns.len()).rev().zip(&turns) {
        let mut planner = Planner::new(conversation, memory, turn.asked);
        // An earlier turn is replayed as it was: without a form in it, it asked in text.
        planner.asks_by_form |= left == 0 && form::is_offered(&conversation.tools);
        (answer, memory) = planner.take(turn);
    }
    match turns.last().and_then(|turn| turn.asked) {
        Some(call) => BrainAnswer { text: form::in_words(call), ..BrainAnswer::default() },
        None => answer,
    }
}

/// One turn's work.
struct Planner<'a> {
    conversation: &'a Conversation,
    roles: Roles<'a>,
    memory: Memory,
    /// The form that this turn showed.
    asked: Option<&'a Call>,
    asks_by_form: bool,
}

impl<'a> Planner<'a> {
    fn new(conversation: &'a Conversation, memory: Memory, asked: Option<&'a Call>) -> Self {
        let roles = Roles::find(&conversation.tools);
        Self { conversation, roles, memory, asked, asks_by_form: asked.is_some() }
    }

    fn take(self, turn: &ConversationTurn<'_>) -> (BrainAnswer, Memory) {
        let intents = understand_after(turn.text, &self.memory, &self.conversation.now);
        if let ([Intent::Offer(todos)], true) = (intents.as_slice(), self.asks_by_form) {
            let form = Form::offering(todos, &intents);
            return self.ask(String::new(), form);
        }
        if let Some(done) = self.talk(&intents) {
            return done;
        }
        if intents == [Intent::Undo] {
            return self.undo(&turn.rounds);
        }
        let job = Job::of(&intents);
        if let Some(text) = job.missing(&self.roles, &self.conversation.tools) {
            let missing = BrainAnswer { text, ..BrainAnswer::default() };
            return (missing, Memory { pending: None, ..self.memory });
        }
        self.work(&job, &turn.rounds)
    }

    /// The answer if no tool is needed.
    fn talk(&self, intents: &[Intent]) -> Option<(BrainAnswer, Memory)> {
        let now = &self.conversation.now;
        let (text, pending) = match intents.first()? {
            Intent::Chat(chat) => (small_talk::chat(*chat, now, &self.memory), None),
            Intent::Unclear(unclear) => (small_talk::unclear(unclear), None),
            Intent::Offer(todos) => {
                (small_talk::offer(todos, now), Some(Pending::Confirm(intents.to_vec())))
            }
            Intent::Add(_) | Intent::Change(_) | Intent::List(_) | Intent::Undo => return None,
        };
        let kept = if is_idle(intents) { self.memory.pending.clone() } else { pending };
        let lost = matches!(
            intents,
            [Intent::Chat(SmallTalk::Help | SmallTalk::Who) | Intent::Unclear(_)]
        );
        let text = if lost && self.roles.is_empty() {
            small_talk::no_todo_tools(&self.conversation.tools)
        } else {
            text
        };
        Some((
            BrainAnswer { text, ..BrainAnswer::default() },
            Memory { pending: kept, ..self.memory.clone() },
        ))
    }

    fn undo(mut self, rounds: &[Round<'_>]) -> (BrainAnswer, Memory) {
        let Some(tool) = self.roles.undo else {
            return self.told(small_talk::no_tool("takes changes back"), None);
        };
        let Some(round) = rounds.first() else {
            let call = PlannedCall { name: tool.name.clone(), arguments: Map::new() };
            return self.calls(undoing::thoughts(), vec![call]);
        };
        let undone = undoing::read(round.results.first().copied().flatten());
        self.memory.touched = undone.todos.iter().map(Todo::key).collect();
        let text = undone.told(&self.conversation.now);
        self.told(text, None)
    }

    fn work(mut self, job: &Job, rounds: &[Round<'_>]) -> (BrainAnswer, Memory) {
        let mut rounds = rounds.iter();
        let opening = self.opening(job);
        if !opening.is_empty() {
            let Some(round) = rounds.next() else {
                return self.calls(say::opening(job.adds.len(), opening.len()), opening);
            };
            let made = self.made(job, round);
            if job.changes.is_empty() && job.show.is_none() {
                let text = say::added(&made, &self.conversation.now);
                return self.told(text, None);
            }
            return self.look_on(job, round, &mut rounds, &made);
        }
        let show = job.show.clone().unwrap_or_default();
        self.show(&show, &mut rounds, String::new(), None)
    }

    /// Additions and the first look at the list are one round of calls.
    fn opening(&self, job: &Job) -> Vec<PlannedCall> {
        let now = &self.conversation.now;
        let creations =
            job.adds.iter().filter_map(|todo| Some(creation(self.roles.create?, todo, now)));
        let look = if job.changes.is_empty() { None } else { self.look(job, None) };
        creations.chain(look).collect()
    }

    fn look(&self, job: &Job, offset: Option<u64>) -> Option<PlannedCall> {
        let first = job.changes.first().and_then(|change| change.action.needs());
        let same = job.changes.iter().all(|change| change.action.needs() == first);
        Some(looking(self.roles.list?, first.filter(|_| same), offset))
    }

    /// The results of the additions. From now on numbers mean this list.
    fn made(&mut self, job: &Job, round: &Round<'_>) -> Vec<Made> {
        let results = round.results.iter().take(job.adds.len());
        let made: Vec<Made> = job
            .adds
            .iter()
            .zip(results)
            .map(|(todo, result)| Made { todo: todo.clone(), outcome: outcome(*result) })
            .collect();
        let ids: Vec<String> =
            made.iter().filter_map(|made| Some(made.outcome.todo()?.key())).collect();
        if !ids.is_empty() {
            self.memory.shown.clone_from(&ids);
            self.memory.touched = ids;
        }
        made
    }

    /// Reads further pages until the list is known, then acts.
    fn look_on<'r>(
        self,
        job: &Job,
        first: &Round<'_>,
        rounds: &mut impl Iterator<Item = &'r Round<'r>>,
        made: &[Made],
    ) -> (BrainAnswer, Memory) {
        let now = self.conversation.now.clone();
        let added = if made.is_empty() { String::new() } else { say::added(made, &now) };
        if job.changes.is_empty() {
            let show = job.show.clone().unwrap_or_default();
            return self.show(&show, rounds, added, None);
        }
        let mut page = match say::page(first.results.last().copied().flatten()) {
            Ok(page) => page,
            Err(text) => return self.told(say::paragraphs(&[added, text]), None),
        };
        let mut todos = std::mem::take(&mut page.todos);
        for _ in 1..PAGES {
            let Some(offset) = page.next else { break };
            let Some(call) = self.look(job, Some(offset)) else { break };
            // No answers yet: this is the next call. Otherwise the round is replayed.
            let Some(round) = rounds.next() else {
                return self.calls(say::turning_pages(), vec![call]);
            };
            page = round.results.first().copied().flatten().and_then(read_page).unwrap_or_default();
            todos.append(&mut page.todos);
        }
        let resolved = resolve(&job.changes, &todos, &self.memory, &now);
        self.act(job, resolved, rounds, added)
    }

    fn act<'r>(
        mut self,
        job: &Job,
        mut resolved: Resolved,
        rounds: &mut impl Iterator<Item = &'r Round<'r>>,
        added: String,
    ) -> (BrainAnswer, Memory) {
        let now = self.conversation.now.clone();
        let left = resolved.acts.len().saturating_sub(MOST_ACTS);
        resolved.acts.truncate(MOST_ACTS);
        let planned = resolved
            .acts
            .iter()
            .map(|act| (act, acting(&self.roles, &act.todo, &act.action, &now)));
        let (able, unable): (Vec<_>, Vec<_>) = planned.partition(|(_, call)| call.is_some());
        let mut parts = vec![added];
        if !able.is_empty() {
            let Some(round) = rounds.next() else {
                let thoughts = say::acting(able.len(), &resolved.troubles);
                return self
                    .calls(thoughts, able.into_iter().filter_map(|(_, call)| call).collect());
            };
            let done: Vec<(&Act, Outcome)> = able
                .iter()
                .zip(&round.results)
                .map(|((act, _), result)| (*act, outcome(*result)))
                .collect();
            self.memory.touched = say::succeeded(&done);
            parts.push(say::changed(&done, &now));
        }
        parts.extend(unable.first().map(|(act, _)| say::unable(&act.action)));
        let (form, told) = self.troubles(&resolved.troubles);
        parts.extend(told);
        parts.extend((left > 0).then(|| say::left(left)));
        let text = say::paragraphs(&parts);
        match (&job.show, form) {
            (Some(filter), form) => self.show(filter, rounds, text, form),
            (None, Some(form)) => self.ask(text, form),
            (None, None) => self.told(text, resolved.troubles.iter().find_map(Trouble::pending)),
        }
    }

    /// A form for the first question, text for the others: a form ends the turn.
    fn troubles(&self, troubles: &[Trouble]) -> (Option<Form>, Vec<String>) {
        let now = &self.conversation.now;
        let mut form = None;
        let mut told = Vec::new();
        for trouble in troubles {
            match (Form::about(trouble).filter(|_| self.asks_by_form), &form) {
                (Some(first), None) => form = Some(first),
                (Some(_), Some(_)) => told.push(trouble::later(trouble)),
                (None, _) => told.push(trouble::told(trouble, now)),
            }
        }
        (form, told)
    }

    /// Lists what a filter wants, after the text so far.
    fn show<'r>(
        mut self,
        filter: &Filter,
        rounds: &mut impl Iterator<Item = &'r Round<'r>>,
        before: String,
        form: Option<Form>,
    ) -> (BrainAnswer, Memory) {
        let Some(tool) = self.roles.list else { return self.told(before, None) };
        let Some(round) = rounds.next() else {
            let call = listing(tool, filter, &self.conversation.now);
            return self.calls(say::listing(), vec![call]);
        };
        let text = match say::page(round.results.first().copied().flatten()) {
            Ok(page) => {
                let (todos, more) = self.fitting(page, filter);
                self.memory.shown = todos.iter().map(Todo::key).collect();
                self.memory.touched = Vec::new();
                say::list(&todos, filter, more, &self.conversation.now)
            }
            Err(text) => text,
        };
        let text = say::paragraphs(&[before, text]);
        match form {
            Some(form) => self.ask(text, form),
            None => self.told(text, None),
        }
    }

    /// The todos of a page that pass the filter, and how many more the server has.
    fn fitting(&self, page: Page, filter: &Filter) -> (Vec<Todo>, u64) {
        let seen = u64::try_from(page.todos.len()).unwrap_or(u64::MAX);
        let more = page.total.unwrap_or(seen).saturating_sub(seen);
        let now = &self.conversation.now;
        let todos = page.todos.into_iter().filter(|todo| passes(todo, filter, now)).collect();
        (todos, more)
    }

    /// Shows a form, unless this turn has shown it.
    fn ask(self, text: String, form: Form) -> (BrainAnswer, Memory) {
        if let Some(call) = self.asked {
            return self.told(text, form.pending_as_asked(call));
        }
        let calls = vec![form.call()];
        let (_, memory) = self.told(String::new(), Some(form.into_pending()));
        (BrainAnswer { thoughts: say::asking(), text, calls }, memory)
    }

    fn calls(self, thoughts: Vec<String>, calls: Vec<PlannedCall>) -> (BrainAnswer, Memory) {
        (BrainAnswer { thoughts, text: String::new(), calls }, self.memory)
    }

    fn told(self, text: String, pending: Option<Pending>) -> (BrainAnswer, Memory) {
        let mut memory = self.memory;
        if let Some(choice @ Pending::Choose { .. }) = &pending {
            memory.shown = choice.ids();
        }
        memory.pending = pending;
        (BrainAnswer { thoughts: say::closing(), text, calls: Vec::new() }, memory)
    }
}
