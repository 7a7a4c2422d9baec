//! A server that is a child of ours: a script that behaves as badly as real ones.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use orchestrator::domain::Secret;
use tempfile::TempDir;
use tokio::net::unix::pipe;

use super::*;
use crate::support::watchdog::Watchdog;

/// Speaks just enough of the older protocol; `MODE` says how it fails. Whatever
/// lives holds the pipe `LIFELINE` open, so its end proves that nobody is left.
const STUB: &str = r#"
exec 9<>"$LIFELINE"
echo x >>"$STARTS"
starts=$(grep -c x "$STARTS")
env >"$ENVIRONMENT"; pwd >>"$ENVIRONMENT"
echo 'a secret of somebody' >&2
say() { printf '%s\n' "$1"; }
ask() { has_asked=1; say '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"mode":"form","message":"Where to?","requestedSchema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}'; }
for_ever() { yes "$1"; }
case $MODE in
    exits) exit 1 ;;
    mute) while read -r line; do :; done; exit ;;
    alone) mkdir "$STARTS.lock" || exit 1; trap 'rmdir "$STARTS.lock"' EXIT; trap exit TERM ;;
    third) [ "$starts" -lt 3 ] && exit 1 ;;
    stubborn) trap '' TERM; sleep 1000 & ;;
    noisy) yes >&2 & ;;
    garbage) say 'Welcome to my server!'; say '{"not":"rpc"}' ;;
esac
while IFS= read -r line; do
    id=${line#*\"id\":}; id=${id%%[,\}]*}
    answer() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$1}"; }
    case $line in
        *'"server/discover"'*)
            [ "$MODE" = modern ] && {
                answer '{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}'; continue; }
            [ "$MODE" = dumb ] ||
                say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"?\"}}" ;;
        *'"initialize"'*)
            printf '%s' "$line" >>"$ENVIRONMENT"
            tools='"tools":{}'; [ "$MODE" = toolless ] && tools='"prompts":{}'
            [ "$MODE" = library ] && tools='"tools":{},"resources":{},"prompts":{}'
            words=''; [ "$MODE" = talks ] && words=',"instructions":"\u202eGo slowly. '$(printf '%3000s' | tr ' ' x)'"'
            answer '{"protocolVersion":"2025-11-25","capabilities":{'"$tools"'},"serverInfo":{"name":"stub","version":"1"}'"$words"'}' ;;
        *'"tools/list"'*)
            [ "$MODE" = toolless ] && {
                say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"?\"}}"; continue; }
            schema='{"type":"object"}'; [ "$MODE" = crooked ] && schema='"none"},{"name":5'
            answer '{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"'"${TOOL:-go}"'","inputSchema":'"$schema"'},{"name":"tick","inputSchema":{"type":"object"},"annotations":{"idempotentHint":true,"destructiveHint":false}}]}' ;;
        *'"resources/list"'*)
            answer '{"resources":[{"uri":"stub://one","name":"One"}]}' ;;
        *'"resources/read"'*)
            answer '{"contents":[{"uri":"stub://one","text":"from the stub"}]}' ;;
        *'"resources/templates/list"'*)
            say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"?\"}}" ;;
        *'"prompts/list"'*) [ "$MODE" = library ] && answer '{"prompts":[{"name":"hello"}]}' ;;
        *'"prompts/get"'*)
            answer '{"messages":[{"role":"user","content":{"type":"text","text":"Say hello."}}]}' ;;
        *'"notifications/cancelled"'*) [ "$MODE" = forgets ] && exit 1; echo cancelled >>"$CALLS" ;;
        *'"action"'*) ask ;;
        *'"tools/call"'*)
            echo called >>"$CALLS"
            case $MODE in
                dies) exit 1 ;;
                forgets) [ "$starts" -lt 2 ] || ask; continue ;;
                asks) case $line in *'"tick"'*) [ "$starts$has_asked" = 11 ] && exit 1 ;; *) ask; continue ;; esac ;;
                dies_once) [ "$starts" -lt 2 ] && exit 1 ;;
                hangs) [ "$starts" -lt 2 ] && kill -STOP $$ ;;
                busy) say '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'; sleep 1.5 ;;
                gated) read -r _ <"$GATE" ;;
                waits | modern) continue ;;
                tells) say '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","logger":"hush","data":"hush hush"}}' ;;
                pings) [ "$starts" -lt 2 ] && for_ever '{"jsonrpc":"2.0","id":9,"method":"ping"}' ;;
                notes) [ "$starts" -lt 2 ] && for_ever '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}' ;;
                junk) [ "$starts" -lt 2 ] && for_ever 'Welcome to my server!' ;;
                endless) [ "$starts" -lt 2 ] && tr '\0' x </dev/zero ;;
                blocks)
                    printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[' "$id"
                    yes '{"type":"text","text":"x"},' | head -n 300000 | tr -d '\n'
                    say '{"type":"text","text":"x"}]}}'; continue ;;
                large)
                    printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"' "$id"
                    head -c 20000000 /dev/zero | tr '\0' x
                    say '"}]}}'; continue ;;
                torn_once) grep -q ' torn' "$STARTS" || { echo 'x torn' >>"$STARTS"; say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"content\":[}"; continue; } ;;
                torn) say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"content\":[}"; continue ;;
                garbled) answer '{"content":"no list"}'; continue ;;
            esac
            answer '{"content":[{"type":"text","text":"done"}]}' ;;
    esac
done
[ "$MODE" = stubborn ] && sleep 1000
"#;

/// A script in a folder of its own.
pub(crate) struct Stub {
    folder: TempDir,
    mode: &'static str,
}

impl Stub {
    pub(crate) fn new(mode: &'static str) -> Self {
        let stub = Self { folder: tempfile::tempdir().unwrap(), mode };
        let pipes = ["lifeline", "gate"].map(|name| stub.path(name));
        let status = std::process::Command::new("mkfifo").args(pipes).status();
        assert!(status.unwrap().success());
        stub
    }

    /// Waits until a call of a server that is `gated` has begun. Writing a line lets it end.
    pub(crate) async fn gate(&self) -> pipe::Sender {
        let watchdog = Watchdog::new();
        loop {
            // Kept once it is open: to close it would let the call end.
            if let Ok(gate) = pipe::OpenOptions::new().open_sender(self.path("gate")) {
                return gate;
            }
            watchdog.check("a call has begun");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How often it was started.
    pub(crate) fn starts(&self) -> usize {
        std::fs::read_to_string(self.path("starts")).map_or(0, |starts| starts.lines().count())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Reads nothing until the last process that holds it is gone.
    pub(crate) fn lifeline(&self) -> pipe::Receiver {
        pipe::OpenOptions::new().open_receiver(self.path("lifeline")).unwrap()
    }

    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        vec![
            ("MODE".to_owned(), self.mode.to_owned()),
            ("LIFELINE".to_owned(), path("lifeline")),
            ("STARTS".to_owned(), path("starts")),
            ("GATE".to_owned(), path("gate")),
            ("ENVIRONMENT".to_owned(), path("environment")),
            ("CALLS".to_owned(), path("calls")),
        ]
    }

    pub(crate) fn server(&self) -> ServerSettings {
        let env = self.env().into_iter().map(|(name, value)| (name, Secret::new(value)));
        let transport = Transport::Child {
            command: "sh".to_owned(),
            args: vec!["-c".to_owned(), STUB.to_owned()],
            env: env.collect(),
            cwd: None,
        };
        trusted("stub", transport)
    }

    /// Writes the stub as a program that needs no environment.
    pub(crate) fn write_program(&self, program: &Path) {
        let env = self.env().into_iter().map(|(name, value)| format!("export {name}='{value}'"));
        let lines: Vec<_> = env.collect();
        let draft = self.path("draft");
        std::fs::write(&draft, format!("#!/bin/sh\n{}\n{STUB}", lines.join("\n"))).unwrap();
        std::fs::set_permissions(&draft, Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(draft, program).unwrap();
    }
}
