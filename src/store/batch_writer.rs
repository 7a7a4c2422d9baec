//! Rows of one kind that come at the same time are written by one statement, and so in one commit.

use std::collections::{HashSet, VecDeque};
use std::future::poll_fn;
use std::iter::once;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Row as _, query};
use tokio::sync::oneshot;

use super::database::{Database, SqlDialect, Statement};
use super::waits;

/// The most rows of one statement; with more, each would be little cheaper.
const MOST: usize = 8;

/// A row that is written in a thread.
pub(super) trait Row: Send + Sync + 'static {
    /// What writes such rows, and returns the threads of those that it wrote.
    fn text(dialect: SqlDialect) -> Text;

    /// In which thread.
    fn thread(&self) -> &str;

    /// Fills the places of this row, in the order of the text.
    fn bind(&self, statement: Statement<'static>) -> Statement<'static>;
}

/// A statement that takes one row or several.
#[derive(Clone, Copy)]
pub(super) struct Text {
    /// What comes before the rows.
    pub(super) head: &'static str,
    /// One of them, with a `?` for each value.
    pub(super) row: &'static str,
    /// What stands between two.
    pub(super) between: &'static str,
    /// What comes after them.
    pub(super) tail: &'static str,
}

/// Writes rows of one kind. Of those who have one to write, one writes for all who wait.
#[derive(Debug)]
pub(super) struct BatchWriter<R> {
    database: Arc<Database>,
    queue: Mutex<WriteQueue<R>>,
}

#[derive(Debug)]
struct WriteQueue<R> {
    /// Somebody writes, and names the next when that is done.
    has_writer: bool,
    waiting: VecDeque<QueuedRow<R>>,
}

#[derive(Debug)]
struct QueuedRow<R> {
    row: Arc<R>,
    told: oneshot::Sender<WriterSignal>,
}

#[derive(Debug)]
enum WriterSignal {
    /// Another wrote the row, if its condition held.
    Written(bool),
    /// Nobody did: it is yours to write, and others' with it.
    Write,
}

impl<R: Row> BatchWriter<R> {
    pub(super) fn new(database: &Arc<Database>) -> Self {
        let queue = WriteQueue { has_writer: false, waiting: VecDeque::new() };
        Self { database: Arc::clone(database), queue: Mutex::new(queue) }
    }

    /// Writes a row if its condition holds, and tells whether it did.
    ///
    /// A file takes one writer at a time, so rows gather while one is written. A server takes
    /// many, and puts their commits together by itself.
    pub(super) async fn write(&self, row: &Arc<R>) -> Result<bool, sqlx::Error> {
        if self.database.dialect() == SqlDialect::Sqlite
            && let Some(answer) = self.write_with_others(row).await
        {
            return answer;
        }
        let written = self.database.fetch(statement(self.database.dialect(), &[&**row])).await?;
        Ok(!written.is_empty())
    }

    /// Nothing, if another's row may be to blame for a failure: each is then tried alone.
    async fn write_with_others(&self, row: &Arc<R>) -> Option<Result<bool, sqlx::Error>> {
        if let Some(mut place) = self.join(row) {
            match place.wait(self.database.patience()).await {
                Ok(WriterSignal::Write) => {}
                Ok(WriterSignal::Written(is_written)) => return Some(Ok(is_written)),
                Err(answer) => return answer.map(Err),
            }
        }
        let _right = WriteRight(self);
        self.write_for_all(row).await
    }

    /// A position in the queue, unless nobody writes.
    fn join<'a>(&'a self, row: &'a Arc<R>) -> Option<QueuePosition<'a, R>> {
        let mut queue = self.lock();
        if !mem::replace(&mut queue.has_writer, true) {
            return None;
        }
        let (told, answer) = oneshot::channel();
        queue.waiting.push_back(QueuedRow { row: Arc::clone(row), told });
        Some(QueuePosition { all: self, row, answer })
    }

    async fn write_for_all(&self, row: &Arc<R>) -> Option<Result<bool, sqlx::Error>> {
        let mut writing = match self.database.writes().await {
            Ok(writing) => writing,
            Err(error) => return Some(Err(error)),
        };
        others_go_first().await;
        let others = self.lock().next_to(row);
        let rows = once(row).chain(others.iter().map(|other| &other.row));
        let rows: Vec<&R> = rows.map(|row| &**row).collect();
        match written_by(&mut writing, statement(self.database.dialect(), &rows)).await {
            Ok(written) => {
                writing.done();
                for QueuedRow { row, told } in others {
                    // Whoever left meanwhile need not hear it.
                    drop(told.send(WriterSignal::Written(written.contains(row.thread()))));
                }
                Some(Ok(written.contains(row.thread())))
            }
            // A failure is told to the only one it can be about, or to nobody.
            Err(error) => others.is_empty().then_some(Err(error)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, WriteQueue<R>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Row> WriteQueue<R> {
    /// Who is written for beside this row. Of two rows of one thread it could not be told which
    /// was written: the later stays.
    fn next_to(&mut self, row: &R) -> Vec<QueuedRow<R>> {
        let mut taken: Vec<QueuedRow<R>> = Vec::new();
        for one in mem::take(&mut self.waiting) {
            let mut threads = once(row).chain(taken.iter().map(|other| &*other.row)).map(R::thread);
            if taken.len() + 1 < MOST && threads.all(|thread| thread != one.row.thread()) {
                taken.push(one);
            } else {
                self.waiting.push_back(one);
            }
        }
        taken
    }
}

/// The right to write. Whoever waits longest has it next, whatever became of this one.
struct WriteRight<'a, R: Row>(&'a BatchWriter<R>);

impl<R: Row> Drop for WriteRight<'_, R> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        while let Some(next) = queue.waiting.pop_front() {
            if next.told.send(WriterSignal::Write).is_ok() {
                return;
            }
        }
        queue.has_writer = false;
    }
}

/// A position in the queue; dropping it leaves the queue.
struct QueuePosition<'a, R: Row> {
    all: &'a BatchWriter<R>,
    row: &'a Arc<R>,
    answer: oneshot::Receiver<WriterSignal>,
}

impl<R: Row> QueuePosition<'_, R> {
    /// Nothing, if the row was written with others' and that failed.
    async fn wait(&mut self, patience: Duration) -> Result<WriterSignal, Option<sqlx::Error>> {
        let told = match waits::at_most(patience, &mut self.answer).await {
            Some(told) => told,
            None if self.leave() => return Err(Some(sqlx::Error::PoolTimedOut)),
            // What takes so long is its statement, and that is the database's.
            None => (&mut self.answer).await,
        };
        told.map_err(|_| None)
    }

    fn leave(&self) -> bool {
        let mut queue = self.all.lock();
        let place = queue.waiting.iter().position(|one| Arc::ptr_eq(&one.row, self.row));
        place.and_then(|place| queue.waiting.remove(place)).is_some()
    }
}

impl<R: Row> Drop for QueuePosition<'_, R> {
    fn drop(&mut self) {
        self.answer.close();
        match self.answer.try_recv() {
            Ok(WriterSignal::Write) => drop(WriteRight(self.all)),
            Ok(WriterSignal::Written(_)) => {}
            Err(_) => drop(self.leave()),
        }
    }
}

/// Whoever is about to join the queue on this core does so: that costs no time.
async fn others_go_first() {
    let mut have_gone = false;
    poll_fn(|context| {
        if mem::replace(&mut have_gone, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn written_by(
    writing: &mut AnyConnection,
    statement: Statement<'static>,
) -> Result<HashSet<String>, sqlx::Error> {
    let written = statement.fetch_all(writing).await?;
    written.iter().map(|row| row.try_get(0)).collect()
}

/// Writes these rows, all or none.
pub(super) fn statement<R: Row>(dialect: SqlDialect, rows: &[&R]) -> Statement<'static> {
    let text = R::text(dialect).with(rows.len(), dialect);
    rows.iter().fold(query(AssertSqlSafe(text)), |statement, row| row.bind(statement))
}

impl Text {
    fn with(self, rows: usize, dialect: SqlDialect) -> String {
        let Self { head, row, between, tail } = self;
        let text = [head, &vec![row; rows].join(between), tail].concat();
        match dialect {
            SqlDialect::Sqlite => text,
            SqlDialect::Postgres => numbered(&text),
        }
    }
}

fn numbered(text: &str) -> String {
    let mut pieces = text.split('?');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.zip(1..).fold(first, |text, (piece, number)| text + &format!("${number}{piece}"))
}
