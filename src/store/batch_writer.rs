//! Rows of one kind that come at the same time are written by one statement, and so in one commit.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::{AnyConnection, AssertSqlSafe, Row as _, query};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::database::{Database, SqlDialect, Statement};
use super::waits;

/// The most rows of one statement; with more, each would be little cheaper.
const MOST: usize = 8;

/// So many rows may wait in the queue; further ones wait for a place in it.
const QUEUE_LENGTH: usize = 256;

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

/// Writes rows of one kind.
#[derive(Debug)]
pub(super) struct BatchWriter<R> {
    database: Arc<Database>,
    queue: Option<mpsc::Sender<QueuedRow<R>>>,
}

#[derive(Debug)]
struct QueuedRow<R> {
    row: Arc<R>,
    /// Told when its statement begins: what comes before is no fault of the database.
    begun: oneshot::Sender<()>,
    answer: oneshot::Sender<Result<bool, sqlx::Error>>,
}

impl<R: Row> BatchWriter<R> {
    /// A file takes one writer at a time, so rows gather while one is written. A server takes
    /// many, and puts their commits together by itself.
    pub(super) fn new(database: &Arc<Database>) -> Self {
        let queue = (database.dialect() == SqlDialect::Sqlite).then(|| {
            let (queue, next) = mpsc::channel(QUEUE_LENGTH);
            tokio::spawn(write_all(Arc::clone(database), next));
            queue
        });
        Self { database: Arc::clone(database), queue }
    }

    /// Writes a row if its condition holds, and tells whether it did.
    pub(super) async fn write(&self, row: &Arc<R>) -> Result<bool, sqlx::Error> {
        if let Some(answer) = self.write_with_others(row).await {
            return answer;
        }
        let written = self.database.fetch(statement(self.database.dialect(), &[&**row])).await?;
        Ok(!written.is_empty())
    }

    /// Nothing, if another's row may be to blame for a failure: each is then tried alone.
    async fn write_with_others(&self, row: &Arc<R>) -> Option<Result<bool, sqlx::Error>> {
        let queue = self.queue.as_ref()?;
        let (begun, has_begun) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let waiting = QueuedRow { row: Arc::clone(row), begun, answer };
        let in_line = async {
            queue.send(waiting).await.ok()?;
            has_begun.await.ok()
        };
        match waits::at_most(self.database.patience(), in_line).await {
            Some(_) => answered.await.ok(),
            None => Some(Err(sqlx::Error::PoolTimedOut)),
        }
    }
}

async fn write_all<R: Row>(database: Arc<Database>, mut queue: mpsc::Receiver<QueuedRow<R>>) {
    let mut next = Vec::with_capacity(MOST);
    while queue.recv_many(&mut next, MOST).await > 0 {
        // If it takes longer, nobody waits for it any more.
        drop(timeout(database.timeout(), write_bundle(&database, &mut next)).await);
        next.clear();
    }
}

async fn write_bundle<R: Row>(database: &Database, all: &mut Vec<QueuedRow<R>>) {
    // Without a place each tries alone, if it still waits.
    let Ok(mut writing) = database.writes().await else { return };
    // Of two rows of one thread it could not be told which was written: the later is tried alone.
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
                // Whoever left meanwhile need not hear it.
                drop(answer.send(Ok(written.contains(row.thread()))));
            }
        }
        // A failure is told to the only one it can be about, or to nobody.
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
