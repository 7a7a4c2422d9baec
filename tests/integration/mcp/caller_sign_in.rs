//! A server at which each caller signs in: a link in the chat, a browser, and a token for the calls of
//! that caller alone (ADR 46).

use axum::Router;
use futures::future::join_all;
use orchestrator::api::{Authentication, Hosts};
use orchestrator::domain::{
    BreakerState, Owner, Scope, SealedTokens, SignInFault, SignInOffer, SignIns,
};
use orchestrator::mcp::{Login, OAuthClient, SealingKey, SignInBy, TokenVault};
use orchestrator::store::MemoryStore;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::owners::{by, user};
use super::*;
use crate::support::app::{Choices, TestApp, json_request};
use crate::support::browser::{Browser, Shown};
use crate::support::callers::{known, with_key};
use crate::support::doubles::{ScriptedModel, calls, says};
use crate::support::guarded::{Guarded, agree};
use crate::support::mcp_server::Era;
use crate::support::watchdog::until;

/// A guarded server, and what its replicas share.
struct Town {
    inner: McpServer,
    guarded: Guarded,
    store: Arc<MemoryStore>,
}

/// One process that uses the server.
struct Replica {
    servers: Arc<Servers>,
    url: String,
    task: JoinHandle<()>,
}

impl Town {
    /// Tools are listed for everybody there.
    async fn new(era: Era) -> Self {
        let inner = McpServer::start(era, &["auth", "read_it"]).await;
        let guarded = Guarded::start(&inner).await;
        guarded.state.lock().unwrap().lists_openly = true;
        Self { inner, guarded, store: Arc::default() }
    }

    fn vault(&self) -> TokenVault {
        let store: Arc<dyn SealedTokens> = Arc::<MemoryStore>::clone(&self.store);
        TokenVault::new(store, SealingKey::read(&"a".repeat(64)).unwrap())
    }

    fn server(&self) -> ServerSettings {
        let transport = Transport::Http { url: self.guarded.mcp_url(), headers: Vec::new() };
        ServerSettings { sign_in: SignInBy::Caller, ..trusted("one", transport) }
    }

    fn settings(&self, public_url: &str) -> Settings {
        let (vault, public_url) = (Some(self.vault()), public_url.to_owned());
        Settings { vault, public_url, ..settings(vec![self.server()]) }
    }

    async fn replica(&self) -> Replica {
        let replica = Replica::start(|url| self.settings(url)).await;
        until_offered(&replica.servers, "auth").await;
        replica
    }
}

impl Replica {
    async fn start(settings: impl FnOnce(&str) -> Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let servers = started(settings(&url)).await;
        let sign_ins = Some(servers.sign_ins());
        let app = TestApp::new(Choices { sign_ins, ..Choices::default() }).await;
        let task = serve(listener, app.router.clone());
        Self { servers, url, task }
    }

    async fn auth(&self, caller: &Caller) -> Result<String, ToolError> {
        by(&self.servers, caller, "auth", &json!({})).await
    }

    async fn offer(&self, caller: &Caller) -> SignInOffer {
        match self.auth(caller).await {
            Err(ToolError::SignIn(offer)) => *offer,
            other => panic!("no link: {other:?}"),
        }
    }

    async fn sign_in(&self, caller: &Caller) -> Shown {
        let link = self.offer(caller).await.url;
        let mut browser = Browser::new();
        assert_eq!(browser.open(&link).await.status, 200);
        browser.click(&link).await
    }

    async fn stop(self) {
        in_time(self.servers.shut_down()).await;
        self.task.abort();
    }
}

fn serve(listener: TcpListener, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

/// The same address on another replica.
fn at(replica: &Replica, url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    format!("{}/{}", replica.url, rest.split_once('/').unwrap().1)
}

fn assert_told(shown: &Shown, status: u16, words: &str) {
    assert_eq!(shown.status, status, "{shown:?}");
    assert!(shown.text.contains(words), "{words}: {shown:?}");
}

#[tokio::test]
async fn each_caller_signs_in_and_is_called_for_with_their_own_token_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let town = Town::new(era).await;
        let here = town.replica().await;
        let [ada, bob] = ["ada", "bob"].map(user);

        let offer = here.offer(&ada).await;
        assert_eq!((offer.server.as_str(), offer.host.as_str()), ("one", "127.0.0.1"));
        assert!(offer.url.starts_with(&format!("{}/sign-in/", here.url)), "{offer:?}");
        let mut browser = Browser::new();
        let page = browser.open(&offer.url).await;
        assert_told(&page, 200, "Sign in at 127.0.0.1");
        assert_told(&page, 200, "<strong>ada</strong>");
        assert_eq!(town.guarded.state.lock().unwrap().asked, [""; 0], "a page asks for nothing");
        let done = browser.click(&offer.url).await;
        assert_told(&done, 200, "Signed in");

        assert_eq!(here.auth(&ada).await.as_deref(), Ok("Bearer access-1"), "{era:?}");
        here.offer(&bob).await;
        assert_told(&here.sign_in(&bob).await, 200, "<strong>bob</strong>");
        for round in 1..=2 {
            let many = [&ada, &bob].into_iter().cycle().take(20);
            let heard = join_all(many.map(|caller| here.auth(caller))).await;
            let (of_ada, of_bob): (Vec<_>, Vec<_>) =
                heard.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).unzip();
            for theirs in [&of_ada, &of_bob] {
                assert!(theirs.iter().all(|it| it.is_ok() && *it == theirs[0]), "{theirs:?}");
            }
            assert_ne!(of_ada[0], of_bob[0]);
            assert_eq!(town.guarded.renewals(), (round - 1) * 2, "one for each caller");
            town.guarded.end_access();
        }
        let shown = format!("{:?} {:?}", here.servers, offer);
        assert!(!shown.contains("access-") && !shown.contains(&offer.url), "{shown}");
        here.stop().await;
    }
}

#[tokio::test]
async fn no_page_is_kept_framed_or_told_to_others() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let link = here.offer(&user("ada")).await.url;
    let mut browser = Browser::new();
    let page = browser.open(&link).await;
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");

    let away = browser.click_and_agree(&link).await;
    for shown in
        [page, browser.open(&away).await, Browser::new().open(&link.replace('a', "b")).await]
    {
        let header = |name: &str| shown.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("x-frame-options"), "DENY");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!shown.text.contains("<script"), "{shown:?}");
    }
    here.stop().await;
}

#[tokio::test]
async fn with_https_the_cookie_is_of_this_host_alone() {
    let town = Town::new(Era::Stateless).await;
    let servers = started(town.settings("https://chat.example/here")).await;
    until_offered(&servers, "auth").await;
    let told = by(&servers, &user("ada"), "auth", &json!({})).await;
    let Err(ToolError::SignIn(offer)) = told else { panic!("{told:?}") };
    let link = offer.url.strip_prefix("https://chat.example/here").unwrap();
    let sign_ins = Some(servers.sign_ins());
    let app = TestApp::new(Choices { sign_ins, hosts: Hosts::Any, ..Choices::default() }).await;

    let page = app.get(link).await;

    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-orchestrator-sign-in="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn what_one_replica_began_another_ends_and_a_third_uses_whoever_was_restarted() {
    let town = Town::new(Era::Stateless).await;
    let (first, second) = (town.replica().await, town.replica().await);
    let ada = user("ada");
    let link = first.offer(&ada).await.url;
    let mut browser = Browser::new();
    browser.open(&at(&second, &link)).await;
    let back = browser.click_and_agree(&link).await;
    first.stop().await;

    let done = browser.open(&at(&second, &back)).await;

    assert_told(&done, 200, "Signed in");
    let third = town.replica().await;
    assert_eq!(second.auth(&ada).await.as_deref(), Ok("Bearer access-1"));
    assert_eq!(third.auth(&ada).await.as_deref(), Ok("Bearer access-1"));
    join_all([second, third].map(Replica::stop)).await;
}

#[tokio::test]
async fn of_two_replicas_to_which_the_browser_comes_back_at_once_one_ends_the_sign_in() {
    let town = Town::new(Era::Stateless).await;
    let replicas = [town.replica().await, town.replica().await];
    let link = replicas[0].offer(&user("ada")).await.url;
    let mut browser = Browser::new();
    browser.open(&link).await;
    let back = browser.click_and_agree(&link).await;
    let mut same = browser.clone();

    let (one, other) =
        tokio::join!(async { browser.open(&at(&replicas[0], &back)).await }, async {
            same.open(&at(&replicas[1], &back)).await
        },);

    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    assert_eq!(town.guarded.state.lock().unwrap().valid.len(), 1);
    join_all(replicas.map(Replica::stop)).await;
}

#[tokio::test]
async fn only_the_browser_that_was_shown_the_page_begins_and_ends_a_sign_in() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let (mallory, link) = (user("mallory"), here.offer(&user("mallory")).await.url);
    let stranger = "was not begun in this browser";

    // A page of somebody else has the browser of a victim click.
    let mut victim = Browser::new();
    assert_told(&victim.click(&link).await, 403, stranger);
    victim.open(&link).await;
    let forged = victim.click_from(&link, "cross-site").await;
    assert_told(&forged, 403, stranger);
    // A link of another caller was shown.
    victim.open(&here.offer(&user("victim")).await.url).await;
    assert_told(&victim.click(&link).await, 403, stranger);
    assert_eq!(town.guarded.state.lock().unwrap().asked, [""; 0]);

    // The victim is sent to the issuer in the middle of a sign-in of somebody else.
    let mut attacker = Browser::new();
    attacker.open(&link).await;
    let back = attacker.click_and_agree(&link).await;
    let mut passer_by = Browser::new();
    assert_told(&passer_by.open(&back).await, 403, stranger);
    assert_told(&victim.open(&back).await, 403, stranger);
    assert_told(&attacker.open(&back.replace("state=", "state=x")).await, 403, stranger);
    assert_told(&attacker.open(&format!("{}/sign-in/callback", here.url)).await, 403, stranger);
    here.offer(&mallory).await;

    let mut again = attacker.clone();
    assert_told(&attacker.open(&back).await, 200, "Signed in");
    assert_told(&again.open(&back).await, 403, stranger);
    assert_eq!(here.auth(&mallory).await.as_deref(), Ok("Bearer access-1"));
    here.offer(&user("victim")).await;
    here.stop().await;
}

#[tokio::test]
async fn a_link_counts_for_ten_minutes_and_until_it_was_used() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let ada = user("ada");
    let (link, other) = (here.offer(&ada).await.url, here.offer(&ada).await.url);
    let mut browser = Browser::new();
    browser.open(&link).await;
    browser.click(&link).await;

    for used in [&link, &other] {
        browser.open(used).await;
        assert_told(&browser.click(used).await, 410, "this link was used");
    }
    let (start, sealed) = link.rsplit_once('/').unwrap();
    let late = resealed(sealed, "sign-in link", |link| link["ends"] = json!(1));
    assert_told(&browser.open(&format!("{start}/{late}")).await, 410, "older than ten minutes");
    // A link that somebody else made, or that was changed, is none.
    let foreign = resealed(sealed, "sign-in browser", |_| {});
    for unknown in [foreign.as_str(), "abc", "%ff", &sealed[2..], &format!("{sealed}00"), "é"] {
        let shown = browser.open(&format!("{start}/{unknown}")).await;
        assert_eq!(shown.status, 404, "{unknown}: {shown:?}");
    }
    assert_eq!(here.auth(&ada).await.as_deref(), Ok("Bearer access-1"));
    here.stop().await;
}

/// What is sealed, changed, and sealed for this purpose.
fn resealed(sealed: &str, purpose: &str, change: impl FnOnce(&mut Value)) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &[0xaa; 32]).unwrap());
    let digits = sealed.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let mut bytes: Vec<_> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let (nonce, text) = bytes.split_first_chunk_mut::<NONCE_LEN>().unwrap();
    let nonce = *nonce;
    let aad = Aad::from("sign-in link".as_bytes());
    let text = key.open_in_place(Nonce::assume_unique_for_key(nonce), aad, text).unwrap();
    let mut value: Value = serde_json::from_slice(text).unwrap();
    change(&mut value);
    let mut text = value.to_string().into_bytes();
    let aad = Aad::from(purpose.as_bytes());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text).unwrap();
    let all = [nonce.as_slice(), &text].concat();
    all.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[tokio::test]
async fn what_an_issuer_says_instead_is_told_in_words_and_changes_nothing() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let ada = user("ada");
    for (answer, words) in [
        ("error=access_denied&state=STATE", "the issuer refused (access_denied)"),
        ("error=<script>&state=STATE", "the issuer refused (for a reason that cannot be shown)"),
        ("code=code-9&state=STATE&iss=https://elsewhere.example", "from another issuer"),
        ("code=code-9&state=STATE", "from another issuer"),
        ("state=STATE", "gave no token"),
    ] {
        town.guarded.state.lock().unwrap().answer = Some(answer.to_owned());
        let shown = here.sign_in(&ada).await;
        assert_told(&shown, 502, words);
        assert!(!shown.text.contains("<script") && !shown.text.contains("code-9"), "{shown:?}");
    }
    let code = "code=code-9&state=STATE&iss=ISS".replace("ISS", &town.guarded.url);
    town.guarded.state.lock().unwrap().answer = Some(code);
    assert_told(&here.sign_in(&ada).await, 502, "gave no token for the code");
    let elsewhere = json!({ "token_endpoint": "https://169.254.169.254/token" });
    town.guarded.state.lock().unwrap().metadata = elsewhere;
    assert_told(&here.sign_in(&ada).await, 502, "an address that may not be used");
    town.guarded.state.lock().unwrap().metadata = json!({ "registration_endpoint": null });
    assert_told(&here.sign_in(&ada).await, 502, "whoever runs this server must change something");
    town.guarded.state.lock().unwrap().metadata = json!({});

    assert_told(&here.sign_in(&ada).await, 200, "Signed in");
    here.stop().await;
}

#[tokio::test]
async fn an_issuer_that_became_another_one_meanwhile_gets_no_code() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let link = here.offer(&user("ada")).await.url;
    let mut browser = Browser::new();
    browser.open(&link).await;
    let back = browser.click_and_agree(&link).await;
    let other = Guarded::start(&town.inner).await;
    let resource = json!({ "authorization_servers": [other.url] });
    town.guarded.state.lock().unwrap().resource = resource;

    assert_told(&browser.open(&back).await, 502, "from another issuer");

    assert!(other.state.lock().unwrap().valid.is_empty());
    here.stop().await;
}

#[tokio::test]
async fn a_scope_that_is_missing_is_asked_for_beside_those_of_before() {
    let town = Town::new(Era::Stateless).await;
    {
        let mut state = town.guarded.state.lock().unwrap();
        state.resource = json!({ "scopes_supported": ["read"] });
        state.scope_of_tool = Some(("auth", "write:all"));
    }
    let here = town.replica().await;
    let ada = user("ada");
    here.sign_in(&ada).await;

    let link = here.offer(&ada).await.url;
    let mut browser = Browser::new();
    let page = browser.open(&link).await;
    assert_told(&page, 200, "<li><code>write:all</code></li>");
    assert_told(&page, 200, "those that you gave before, and for those that 127.0.0.1 always asks");
    assert_told(&browser.click(&link).await, 200, "Signed in");

    assert_eq!(here.auth(&ada).await.as_deref(), Ok("Bearer access-2"));
    assert_eq!(town.guarded.state.lock().unwrap().asked, ["read", "read write:all"]);
    assert_eq!(town.inner.calls(), ["auth"], "what was refused was not done");
    here.stop().await;
}

#[tokio::test]
async fn a_sign_in_that_is_over_troubles_its_caller_alone() {
    for era in [Era::Sessions, Era::Stateless] {
        let town = Town::new(era).await;
        let mut common = None;
        let here = Replica::start(|url| {
            let mut settings = town.settings(url);
            settings.guard.breaker.max_failures = 1;
            common = Some(settings.clone());
            settings
        });
        let here = here.await;
        until_offered(&here.servers, "auth").await;
        let [ada, bob] = ["ada", "bob"].map(user);
        here.sign_in(&ada).await;
        here.sign_in(&bob).await;
        town.guarded.revoke_one("access-1");

        for _ in 0..3 {
            here.offer(&ada).await;
        }

        assert_eq!(here.auth(&bob).await.as_deref(), Ok("Bearer access-2"), "{era:?}");
        let health = health(&here.servers);
        assert_eq!((health.breaker.state, health.breaker.calls.failed), (BreakerState::Closed, 0));
        // Another server of this kind reads what was left.
        assert_told(&here.sign_in(&ada).await, 200, "Signed in");
        let later = started(common.unwrap()).await;
        until_offered(&later, "auth").await;
        let heard = by(&later, &ada, "auth", &json!({})).await;
        assert_eq!(heard.as_deref(), Ok("Bearer access-3"), "{era:?}");
        in_time(later.shut_down()).await;
        here.stop().await;
    }
}

#[tokio::test]
async fn whoever_signs_out_is_called_for_no_more_on_any_replica() {
    let town = Town::new(Era::Sessions).await;
    let replicas = [town.replica().await, town.replica().await];
    let [ada, bob] = ["ada", "bob"].map(user);
    for caller in [&ada, &bob] {
        replicas[0].sign_in(caller).await;
        for replica in &replicas {
            replica.auth(caller).await.unwrap();
        }
    }
    let sign_ins = Some(replicas[0].servers.sign_ins());
    let (authentication, [key]) = known([("", "ada", "chat")]);
    let app = TestApp::new(Choices { authentication, sign_ins, ..Choices::default() }).await;
    let out = |server: &str| json_request(&format!("/sign-out/{server}"), &json!({}));

    assert_eq!(app.send(out("one")).await.status, 401);
    assert_eq!(app.send(with_key(out("other"), &key)).await.status, 404);
    for _ in 0..2 {
        assert_eq!(app.send(with_key(out("one"), &key)).await.status, 204);
    }
    let valid = || town.guarded.state.lock().unwrap().valid.keys().cloned().collect::<Vec<_>>();
    until("the issuer knows of it", || valid() == ["access-2"]).await;

    for replica in &replicas {
        replica.offer(&ada).await;
        assert!(replica.auth(&bob).await.is_ok());
    }
    join_all(replicas.map(Replica::stop)).await;
}

#[tokio::test]
async fn a_sign_in_that_was_begun_before_signing_out_does_not_undo_it() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let ada = user("ada");
    here.sign_in(&ada).await;
    town.guarded.revoke_one("access-1");
    let link = here.offer(&ada).await.url;
    let mut browser = Browser::new();
    browser.open(&link).await;
    let back = browser.click_and_agree(&link).await;

    let sign_ins: Arc<dyn SignIns> = here.servers.sign_ins();
    assert_eq!(sign_ins.sign_out(&ada.owner, "one").await, Ok(()));
    assert_told(&browser.open(&back).await, 403, "or before a sign-out");

    assert_eq!(town.guarded.state.lock().unwrap().valid.len(), 0, "no code is exchanged");
    here.offer(&ada).await;
    let unknown = sign_ins.sign_out(&ada.owner, "two").await;
    assert_eq!(unknown, Err(SignInFault::Unknown));
    here.stop().await;
}

#[tokio::test]
async fn a_link_from_before_a_sign_out_counts_no_more_on_any_replica() {
    let town = Town::new(Era::Stateless).await;
    let replicas = [town.replica().await, town.replica().await];
    let ada = user("ada");
    let sign_ins: Arc<dyn SignIns> = replicas[1].servers.sign_ins();
    let first = replicas[0].offer(&ada).await.url;
    assert_told(&replicas[0].sign_in(&ada).await, 200, "Signed in");
    assert_eq!(sign_ins.sign_out(&ada.owner, "one").await, Ok(()));
    // Nobody is signed in between these two.
    let second = replicas[0].offer(&ada).await.url;
    assert_eq!(sign_ins.sign_out(&ada.owner, "one").await, Ok(()));

    for (link, replica) in [(&first, &replicas[0]), (&first, &replicas[1]), (&second, &replicas[1])]
    {
        let link = at(replica, link);
        let mut browser = Browser::new();
        browser.open(&link).await;
        assert_told(&browser.click(&link).await, 410, "this link was used");
    }

    assert_told(&replicas[1].sign_in(&ada).await, 200, "Signed in");
    assert!(replicas[0].auth(&ada).await.is_ok());
    join_all(replicas.map(Replica::stop)).await;
}

#[tokio::test]
async fn an_issuer_that_hangs_keeps_nobody_from_another_server() {
    let (town, inner) =
        (Town::new(Era::Stateless).await, McpServer::start(Era::Stateless, &["header"]).await);
    let other = Guarded::start(&inner).await;
    other.state.lock().unwrap().lists_openly = true;
    let transport = Transport::Http { url: other.mcp_url(), headers: Vec::new() };
    let two = ServerSettings { sign_in: SignInBy::Caller, ..trusted("two", transport) };
    let servers = vec![town.server(), two];
    let here = Replica::start(|url| Settings { servers, ..town.settings(url) }).await;
    let (ada, sign_ins) = (user("ada"), here.servers.sign_ins() as Arc<dyn SignIns>);
    let mut begun = Vec::new();
    for tool in ["one__auth", "two__header"] {
        until_offered(&here.servers, tool).await;
        let told = by(&here.servers, &ada, tool, &json!({})).await;
        let Err(ToolError::SignIn(offer)) = told else { panic!("{told:?}") };
        let link = offer.url.rsplit_once('/').unwrap().1.to_owned();
        let browser = sign_ins.page(&link).unwrap().browser;
        begun.push((link, browser));
    }
    let [(one, in_one), (two, in_two)] = begun.as_slice() else { panic!() };
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", silent.local_addr().unwrap());
    town.guarded.state.lock().unwrap().resource = json!({ "authorization_servers": [issuer] });

    let mut hanging: Vec<_> = (0..8).map(|_| sign_ins.begin(one, in_one)).collect();
    for sign_in in &mut hanging {
        assert!(futures::poll!(sign_in).is_pending());
    }

    assert_eq!(in_time(sign_ins.begin(one, in_one)).await, Err(SignInFault::Unavailable));
    let link = in_time(sign_ins.begin(two, in_two)).await.unwrap();
    assert!(link.starts_with(&other.url), "{link}");
    drop(hanging);
    here.stop().await;
}

#[tokio::test]
async fn nobody_acts_with_the_account_of_whoever_came_first() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let alone = Caller::anyone();
    here.sign_in(&alone).await;
    assert_eq!(here.auth(&alone).await.as_deref(), Ok("Bearer access-1"), "one person, here");

    let everybody = Caller::new(Owner::anyone(), &[Scope::Chat]);
    let told = here.auth(&everybody).await.unwrap_err();

    let ToolError::Refused(words) = told else { panic!("{told:?}") };
    assert!(words.contains("need a key or token of their own"), "{words}");
    assert_eq!(town.inner.calls(), ["auth"]);
    here.stop().await;
}

#[tokio::test]
async fn tools_are_listed_with_the_operators_sign_in_and_never_called_with_it() {
    let town = Town::new(Era::Stateless).await;
    town.guarded.state.lock().unwrap().lists_openly = false;
    let here = Replica::start(|url| town.settings(url)).await;
    let Detail::Mcp { advice, .. } = health(&here.servers).detail else { panic!() };
    let advice = advice.unwrap();
    assert_eq!(advice, "it requires a sign-in; run `orchestrator tools login one`");
    let (server, common) = (town.server(), town.settings(&here.url));
    let back = "http://127.0.0.1:1/callback";
    let login = in_time(Login::begin(&server, &common, town.vault(), back, &[])).await.unwrap();
    let query = agree(login.link()).await;
    login.finish(&query).await.unwrap();
    until_offered(&here.servers, "auth").await;

    let ada = user("ada");
    here.offer(&ada).await;
    assert_eq!(town.inner.calls(), [""; 0]);
    here.sign_in(&ada).await;

    assert_eq!(here.auth(&ada).await.as_deref(), Ok("Bearer access-2"));
    here.stop().await;
}

#[tokio::test]
async fn the_operators_client_and_scopes_are_used_and_shown() {
    let town = Town::new(Era::Stateless).await;
    let oauth = OAuthClient {
        client_id: Some("ours".to_owned()),
        scopes: vec!["few".to_owned()],
        ..OAuthClient::default()
    };
    let own = ServerSettings { oauth, ..town.server() };
    let here = Replica::start(|url| Settings { servers: vec![own], ..town.settings(url) }).await;
    until_offered(&here.servers, "auth").await;
    let link = here.offer(&user("ada")).await.url;
    let mut browser = Browser::new();

    assert_told(&browser.open(&link).await, 200, "<li><code>few</code></li>");
    browser.click(&link).await;

    let asked = browser.visited.iter().find(|url| url.contains("/authorize")).unwrap();
    assert!(asked.contains("client_id=ours&") && asked.contains("scope=few"), "{asked}");
    here.stop().await;
}

#[tokio::test]
async fn the_person_gets_the_link_and_the_model_never_sees_it() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let turn = || [calls(&[("auth", json!({})), ("read_it", json!({}))]), says("Please sign in.")];
    let model = ScriptedModel::new([turn(), turn()].into_iter().flatten());
    let tools = Arc::clone(&here.servers) as _;
    let authentication = Authentication::everybody();
    let choices = Choices {
        model: Arc::<ScriptedModel>::clone(&model) as _,
        tools,
        authentication,
        ..Choices::default()
    };
    let app = TestApp::new(choices).await;

    let answer = app.ask(&json!({ "message": "hi" })).await.json();
    let [offer] = answer["sign_ins"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!((&offer["server"], &offer["host"]), (&json!("one"), &json!("127.0.0.1")));
    let link = offer["url"].as_str().unwrap();
    let result = answer["tool_calls"][0]["result"].as_str().unwrap();
    assert!(result.contains("nothing was done") && !answer["message"].to_string().contains(link));

    let stream = app.create("hi").await;
    let events = stream.events();
    let notices: Vec<_> = events.iter().filter(|it| it["type"] == "notice").collect();
    let [notice] = notices[..] else { panic!("one for each server: {notices:?}") };
    let words = notice["message"].as_str().unwrap();
    assert!(words.contains("[Sign in at 127.0.0.1](http"), "{words}");
    let shown = words.split(['(', ')']).nth(1).unwrap();
    let params = json!({ "thread_id": stream.thread_id() });
    let thread =
        app.post("/chatkit", &json!({ "type": "threads.get_by_id", "params": params })).await;
    let seen = format!("{:?}", model.asked());
    for secret in [link, shown] {
        assert!(!thread.text.contains(secret), "it is stored: {}", thread.text);
        assert!(!seen.contains(secret), "the model saw it: {seen}");
    }
    assert_told(&Browser::new().open(shown).await, 200, "Sign in at");
    here.stop().await;
}

#[tokio::test]
async fn whoever_signs_out_is_not_kept_by_an_issuer_that_cannot_be_told() {
    let town = Town::new(Era::Stateless).await;
    let here = town.replica().await;
    let ada = user("ada");
    for endpoint in [Value::Null, json!("https://10.0.0.1/revoke"), json!("nowhere"), json!(7)] {
        here.sign_in(&ada).await;
        assert!(here.auth(&ada).await.is_ok());
        town.guarded.state.lock().unwrap().metadata = json!({ "revocation_endpoint": endpoint });

        let out = in_time(async { here.servers.sign_ins().sign_out(&ada.owner, "one").await });

        assert_eq!(out.await, Ok(()));
        here.offer(&ada).await;
    }
    here.stop().await;
}
