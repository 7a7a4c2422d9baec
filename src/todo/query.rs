//! Filters and sorts todos: one statement for every combination, so sqlx keeps it prepared.

use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use super::fold::fold;
use super::owner::TodoOwner;
use super::sql_dialect::SqlDialect;
use super::value::TodoStatus;

#[derive(Debug)]
pub(super) struct Filter {
    pub(super) source: Source,
    pub(super) status: Option<TodoStatus>,
    pub(super) tag: Option<String>,
    pub(super) text: Option<String>,
    /// This key or a later one.
    pub(super) due_from: Option<i64>,
    /// Before this key.
    pub(super) due_before: Option<i64>,
    pub(super) sort: Sort,
    pub(super) descending: bool,
    pub(super) limit: i64,
    pub(super) offset: i64,
}

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    List,
    Trash,
}

/// What to sort by.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Sort {
    Created,
    Due,
    Priority,
    Title,
    Updated,
}

type Statement<'q> = Query<'q, Any, AnyArguments>;

/// PostgreSQL needs the casts: it cannot infer the type of a parameter that is only compared with
/// NULL.
const MATCHES: &str = "FROM todos WHERE owner = $1 AND (CAST($2 AS TEXT) IS NULL OR status = $2) \
    AND (CAST($3 AS TEXT) IS NULL OR search_tags LIKE $3 ESCAPE '\\') \
    AND (CAST($4 AS TEXT) IS NULL OR search LIKE $4 ESCAPE '\\') \
    AND (CAST($5 AS BIGINT) IS NULL OR due_key >= $5) \
    AND (CAST($6 AS BIGINT) IS NULL OR due_key < $6)";

impl Filter {
    pub(super) fn count<'q>(&'q self, owner: &'q TodoOwner) -> Statement<'q> {
        self.bind(
            owner,
            sqlx::query(AssertSqlSafe(format!(
                "SELECT COUNT(*) {MATCHES} {}",
                self.source.holds()
            ))),
        )
    }

    pub(super) fn select<'q>(&'q self, owner: &'q TodoOwner, dialect: SqlDialect) -> Statement<'q> {
        let (key, way) = (self.sort.key(dialect), if self.descending { "DESC" } else { "ASC" });
        let source = self.source.holds();
        // `IS NULL` first, because the databases sort NULL differently. `id` last, so that pages do
        // not overlap.
        let order = format!("ORDER BY {key} IS NULL, {key} {way}, created_at {way}, id {way}");
        let sql = format!("SELECT * {MATCHES} {source} {order} LIMIT $7 OFFSET $8");
        self.bind(owner, sqlx::query(AssertSqlSafe(sql))).bind(self.limit).bind(self.offset)
    }

    fn bind<'q>(&'q self, owner: &'q TodoOwner, statement: Statement<'q>) -> Statement<'q> {
        statement
            .bind(owner.as_str())
            .bind(self.status.map(TodoStatus::as_str))
            .bind(self.tag.as_deref().map(|tag| format!("%\n{}\n%", literal(tag))))
            .bind(self.text.as_deref().map(|text| format!("%{}%", literal(text))))
            .bind(self.due_from)
            .bind(self.due_before)
    }
}

impl Source {
    const fn holds(self) -> &'static str {
        match self {
            Self::List => "AND deleted_at IS NULL",
            Self::Trash => "AND deleted_at IS NOT NULL",
        }
    }
}

impl Sort {
    const fn key(self, dialect: SqlDialect) -> &'static str {
        match self {
            Self::Created => "created_at",
            Self::Due => "due_key",
            Self::Priority => "priority",
            Self::Title => dialect.title_key(),
            Self::Updated => "updated_at",
        }
    }
}

/// Folded, with the wildcards of LIKE escaped.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for c in fold(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal
}
