//! Writes rows of one kind that arrive at the same time with one statement, so in one commit
//! (ADR 21). Knows nothing of what the rows contain.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Row as _, query};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::database::{Database, SqlDialect, Statement};
use super::waits::{self, ShortestWait};

/// Rows per statement. More would save little per row.
const MOST: usize = 8;

/// Rows that may wait in the queue. Further callers wait for room in it, within their own limit.
const QUEUE_LENGTH: usize = 256;

/// A row of a thread. It has its own lease in its condition, so a batch needs no shared lease.
pub(super) trait Row: Send + Sync + 'static {
    /// The statement must return the thread ids of the rows that it wrote.
    fn text(dialect: SqlDialect) -> Text;

    fn thread(&self) -> &str;

    /// Binds the values in the order of the `?` in `Text::row`.
    fn bind(&self, statement: Statement<'static>) -> Statement<'static>;
}

/// A statement that takes one row or several.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) head: &'static str,
    /// One row, with a `?` for each value.
    pub(super) row: &'static str,
    /// Separates two rows.
    pub(super) between: &'static str,
    pub(super) tail: &'static str,
}

#[derive(Debug)]
pub(super) struct BatchWriter<R> {
    database: Arc<Database>,
    queue: Option<mpsc::Sender<QueuedRow<R>>>,
    shortest_wait: ShortestWait,
}

#[derive(Debug)]
struct QueuedRow<R> {
    row: Arc<R>,
    /// Sent when the statement begins. Time before that says nothing about the database.
    begun: oneshot::Sender<()>,
    answer: oneshot::Sender<Result<bool, sqlx::Error>>,
}

impl<R: Row> BatchWriter<R> {
    /// Only SQLite gets a queue: it takes one writer at a time, so rows gather while one is
    /// written. PostgreSQL takes many writers and groups their commits itself (ADR 21).
    pub(super) fn new(database: &Arc<Database>) -> Self {
        let queue = (database.dialect() == SqlDialect::Sqlite).then(|| {
            let (queue, next) = mpsc::channel(QUEUE_LENGTH);
            tokio::spawn(write_all(Arc::clone(database), next));
            queue
        });
        Self { database: Arc::clone(database), queue, shortest_wait: ShortestWait::default() }
    }

    /// Writes a row if its condition holds; false if it does not.
    pub(super) async fn write(&self, row: &Arc<R>) -> Result<bool, sqlx::Error> {
        if let Some(answer) = self.write_with_others(row).await {
            return answer;
        }
        let written = self.database.fetch(statement(self.database.dialect(), &[&**row])).await?;
        Ok(!written.is_empty())
    }

    pub(super) fn shortest_wait(&self) -> Duration {
        self.shortest_wait.take()
    }

    /// None if another row of the batch may have caused the failure: each is then tried alone.
    async fn write_with_others(&self, row: &Arc<R>) -> Option<Result<bool, sqlx::Error>> {
        let queue = self.queue.as_ref()?;
        let (begun, has_begun) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let waiting = QueuedRow { row: Arc::clone(row), begun, answer };
        let in_line = async {
            queue.send(waiting).await.ok()?;
            has_begun.await.ok()
        };
        let joined = Instant::now();
        let waited = waits::at_most(self.database.patience(), in_line).await;
        self.shortest_wait.note(joined);
        match waited {
            Some(_) => answered.await.ok(),
            // Still queued: only our own queue was slow, so the error must not count against the
            // database (see `fault::verdict`).
            None => Some(Err(sqlx::Error::PoolTimedOut)),
        }
    }
}

async fn write_all<R: Row>(database: Arc<Database>, mut queue: mpsc::Receiver<QueuedRow<R>>) {
    let mut next = Vec::with_capacity(MOST);
    while queue.recv_many(&mut next, MOST).await > 0 {
        // After this limit all callers of the batch have given up.
        drop(timeout(database.timeout(), write_bundle(&database, &mut next)).await);
        next.clear();
    }
}

async fn write_bundle<R: Row>(database: &Database, all: &mut Vec<QueuedRow<R>>) {
    // Without a connection each caller tries alone, if it still waits.
    let Ok(mut writing) = database.writes().await else { return };
    // The statement reports what it wrote by thread id, so it takes one row per thread. The later
    // one is tried alone. Rows whose caller gave up are skipped (ADR 21).
    let mut threads = HashSet::new();
    all.retain(|one| !one.answer.is_closed() && threads.insert(one.row.thread().to_owned()));
    if all.is_empty() {
        return writing.done();
    }
    let rows: Vec<&R> = all.iter().map(|one| &*one.row).collect();
    let statement = statement(database.dialect(), &rows);
    let tell = |QueuedRow { row, begun, answer }: QueuedRow<R>| {
        begun.send(()).ok();
        (row, answer)
    };
    let mut told: Vec<_> = all.drain(..).map(tell).collect();
    match written_by(&mut writing, statement).await {
        Ok(written) => {
            writing.done();
            for (row, answer) in told {
                // The caller may have given up in the meantime.
                drop(answer.send(Ok(written.contains(row.thread()))));
            }
        }
        // With several rows it is unknown which one failed: no answer makes each caller try alone.
        // A row that was alone gets its error and is not tried again (ADR 21).
        Err(error) => {
            if let (Some((_, answer)), true) = (told.pop(), told.is_empty()) {
                drop(answer.send(Err(error)));
            }
        }
    }
}

async fn written_by(
    writing: &mut AnyConnection,
    statement: Statement<'static>,
) -> Result<HashSet<String>, sqlx::Error> {
    let written = statement.fetch_all(writing).await?;
    written.iter().map(|row| row.try_get(0)).collect()
}

/// One statement for all rows: the database writes all of them or none.
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
            // The `Any` driver does not translate placeholders, and PostgreSQL knows only `$1`.
            SqlDialect::Postgres => numbered(&text),
        }
    }
}

fn numbered(text: &str) -> String {
    let mut pieces = text.split('?');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.zip(1..).fold(first, |text, (piece, number)| text + &format!("${number}{piece}"))
}
