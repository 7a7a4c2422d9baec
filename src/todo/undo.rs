//! Takes back a change: its todos become what they were before, also those that it had created or
//! deleted.

use super::attempt::Attempt;
use super::history::{self, ChangeKind, ChangeNumber, KeptChange};
use super::key::Author;
use super::refusal::Refusal;
use super::store::{Begun, Store, Work};
use super::value::{Todo, TodoView, Undone};

impl Store {
    /// Takes back a change, the last one if none is named. An undoing can be taken back as well.
    pub(super) async fn undo(
        &self,
        author: &Author,
        change: Option<ChangeNumber>,
    ) -> Result<Undone, Refusal> {
        self.write(self.try_undo(author, change)).await
    }

    async fn try_undo(&self, author: &Author, change: Option<ChangeNumber>) -> Attempt<Undone> {
        let mut work = match self.begin(author).await? {
            Begun::Now(work) => work,
            Begun::Before(earlier) => return Ok(earlier.answer.read()?),
        };
        let parts = parts_of(&mut work, change).await?;
        let mut todos = Vec::with_capacity(parts.len());
        for part in &parts {
            todos.push(TodoView::from(undo_part(&mut work, part).await?));
        }
        let first = parts.first().ok_or(Refusal::NothingToUndo)?;
        history::mark_undone(work.stamp, first, &mut work.transaction).await?;
        let answer = Undone { what: first.kind, change: first.number, todos };
        work.commit("", &answer).await?;
        Ok(answer)
    }
}

/// The change that can be undone: one part for each of its todos.
async fn parts_of(work: &mut Work<'_>, change: Option<ChangeNumber>) -> Attempt<Vec<KeptChange>> {
    let owner = work.stamp.owner;
    let number = if let Some(number) = change {
        number
    } else {
        let newest = history::newest(owner, &mut work.transaction).await?;
        newest.ok_or(Refusal::NothingToUndo)?
    };
    let parts = history::find(owner, number, &mut work.transaction).await?;
    if parts.is_empty() {
        return Err(Refusal::UnknownChange(number).into());
    }
    for part in &parts {
        if part.undone.is_some() {
            return Err(Refusal::AlreadyUndone(number).into());
        }
        if let Some(later) = history::in_the_way(owner, part, &mut work.transaction).await? {
            return Err(Refusal::ChangedSince(later).into());
        }
    }
    Ok(parts)
}

async fn undo_part(work: &mut Work<'_>, part: &KeptChange) -> Attempt<Todo> {
    let now = work.todo(&part.todo_id).await?;
    let now = now.ok_or_else(|| Refusal::unknown_id(&part.todo_id))?;
    if now.deleted_at.is_some() && part.before.deleted_at.is_none() {
        work.check_room().await?;
    }
    let mut todo = Todo { updated_at: work.stamp.now, ..part.before.clone() };
    if todo.deleted_at.is_some() {
        // It is in the trash from now on.
        todo.deleted_at = Some(work.stamp.now);
    }
    work.replace((ChangeKind::Undone, Some(part.number)), now, &todo).await?;
    Ok(todo)
}
