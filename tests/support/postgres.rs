//! A private PostgreSQL for the whole test process, and a fresh database for each test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, Executor, PgConnection};

/// Stops the server and removes its folder once the test process is gone.
const WATCH: &str = "while kill -0 \"$1\" 2>/dev/null; do sleep 0.2; done; \
    kill -INT \"$(head -n 1 \"$2/data/postmaster.pid\")\" 2>/dev/null; sleep 1; rm -rf \"$2\"";

/// The URL of a fresh, empty database, unless there is no PostgreSQL here.
pub(crate) async fn database() -> Option<String> {
    create("").await
}

/// The same, sorting by the English alphabet.
pub(crate) async fn database_in_english() -> Option<String> {
    create("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'").await
}

async fn create(options: &str) -> Option<String> {
    static SERVER: OnceLock<Option<String>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| std::env::var("TEST_DATABASE_URL").ok().or_else(start));
    let Some(server) = server else {
        assert!(std::env::var_os("REQUIRE_POSTGRES").is_none(), "there is no PostgreSQL here");
        eprintln!("!!! SKIPPED: no initdb and pg_ctl on PATH and no TEST_DATABASE_URL");
        return None;
    };
    let name = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(server).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} {options}"));
    connection.execute(create).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    Some(format!("{base}/{name}"))
}

/// Starts a server in a folder of its own and returns the URL of its first database.
fn start() -> Option<String> {
    let programs = programs()?;
    let folder = tempfile::Builder::new().prefix("orchestrator-pg").tempdir().unwrap().keep();
    let data = folder.join("data");
    own(&folder);
    run(unprivileged(&programs.join("initdb")).arg("-D").arg(&data).args([
        "--auth=trust",
        "--username=test",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = format!(
        "-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off -c max_connections=200"
    );
    run(unprivileged(&programs.join("pg_ctl"))
        .arg("-D")
        .arg(&data)
        .args(["-w", "-o", &options])
        .arg("-l")
        .arg(folder.join("log"))
        .arg("start"));
    let watch = ["-c", WATCH, "watch", &std::process::id().to_string()];
    let quiet = (Stdio::null(), Stdio::null());
    Command::new("sh").args(watch).arg(&folder).stdout(quiet.0).stderr(quiet.1).spawn().unwrap();
    Some(format!("postgres://test@127.0.0.1:{port}/postgres"))
}

/// The folder of `initdb` and `pg_ctl`: on PATH, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let folders: Vec<_> = std::env::split_paths(&path).chain(debian).collect();
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "nobody", "--"]).arg(program);
    command
}

fn own(folder: &Path) {
    if is_root() {
        run(Command::new("chown").arg("nobody").arg(folder));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    String::from_utf8_lossy(&id.stdout).trim() == "0"
}

fn run(command: &mut Command) {
    let status = command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::inherit()).status();
    assert!(status.unwrap().success(), "{command:?}");
}
