//! Where a person signs in at a tool server (ADR 46): our page, the click, the way back. The pages hold
//! no script, are kept by nobody, and tell nobody where they were.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, REFERRER_POLICY,
    SET_COOKIE, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::http::authentication::Asking;
use super::state::Api;
use base::domain::{Owner, Secret, SignInFault, SignInPage, SignIns, SignedIn, reveal};

/// Says from where a browser sends a request. No page can write it.
const SENT_FROM: HeaderName = HeaderName::from_static("sec-fetch-site");
const COOKIE_SECONDS: u16 = 600;
/// Without `form-action`: browsers would hold it against the issuer, to which the click leads.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

type Link = Result<Path<String>, PathRejection>;

/// Says whose account is asked for, and for whom.
pub(super) async fn show(State(api): State<Api>, link: Link) -> Result<Response, ApiError> {
    let sign_ins = of(&api)?;
    Ok(match sign_ins.page(&text(link)?) {
        Ok(page) => with_cookie(ask(&page), sign_ins, Some(&page.browser)),
        Err(fault) => told(&fault),
    })
}

/// The click. It must come from our page, in the browser to which it was shown.
pub(super) async fn begin(
    State(api): State<Api>,
    link: Link,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (sign_ins, link) = (of(&api)?, text(link)?);
    let from_elsewhere = headers.get(SENT_FROM).is_some_and(|from| from != "same-origin");
    let Some(browser) = browser(&headers, sign_ins).filter(|_| !from_elsewhere) else {
        return Ok(told(&SignInFault::OtherBrowser));
    };
    Ok(match sign_ins.begin(&link, &browser).await {
        Ok(issuer) => go_to(&issuer),
        Err(fault) => told(&fault),
    })
}

/// The way back from the issuer.
pub(super) async fn finish(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let sign_ins = of(&api)?;
    let Some(browser) = browser(&headers, sign_ins) else {
        return Ok(told(&SignInFault::OtherBrowser));
    };
    Ok(match sign_ins.finish(&browser, &query.unwrap_or_default()).await {
        Ok(done) => with_cookie(done_with(&done), sign_ins, None),
        Err(fault) => told(&fault),
    })
}

/// Forgets the caller's sign-in at a server.
pub(super) async fn sign_out(
    State(api): State<Api>,
    Asking(caller): Asking,
    server: Link,
) -> Result<Response, ApiError> {
    match of(&api)?.sign_out(&caller.owner, &text(server)?).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(SignInFault::Unavailable) => Err(ApiError::StoreDown),
        Err(_) => Err(ApiError::UnknownServer),
    }
}

fn of(api: &Api) -> Result<&dyn SignIns, ApiError> {
    api.sign_ins.as_deref().ok_or(ApiError::UnknownPath)
}

fn text(link: Link) -> Result<String, ApiError> {
    link.map(|Path(link)| link).map_err(|_| ApiError::UnknownPath)
}

/// With `__Host-` no other host of the domain can set it.
fn cookie_name(sign_ins: &dyn SignIns) -> &'static str {
    if sign_ins.is_secure() { "__Host-orchestrator-sign-in" } else { "orchestrator-sign-in" }
}

fn browser(headers: &HeaderMap, sign_ins: &dyn SignIns) -> Option<Secret> {
    let name = cookie_name(sign_ins);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut cookies =
        cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    cookies.find(|(known, _)| *known == name).map(|(_, value)| Secret::new(value))
}

/// `Lax`: it comes back with the browser from the issuer, and with no form of another site.
fn with_cookie(
    mut response: Response,
    sign_ins: &dyn SignIns,
    browser: Option<&Secret>,
) -> Response {
    let (value, age) = browser.map_or(("", 0), |it| (it.expose(), COOKIE_SECONDS));
    let secure = if sign_ins.is_secure() { "; Secure" } else { "" };
    let name = cookie_name(sign_ins);
    let cookie = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn go_to(issuer: &str) -> Response {
    let Ok(issuer) = HeaderValue::from_str(issuer) else { return told(&SignInFault::Unavailable) };
    (StatusCode::SEE_OTHER, private(), [(LOCATION, issuer)]).into_response()
}

fn ask(page: &SignInPage) -> Response {
    let SignInPage { server, host, owner, scopes, .. } = page;
    let (host, server, owner) = (escaped(host), escaped(server), named(owner));
    let scopes = if scopes.is_empty() {
        "<p>Which rights that gives, the next page says.</p>".to_owned()
    } else {
        let scopes = scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escaped(scope)));
        format!(
            "<p>It asks for these rights:</p><ul>{}</ul>\
             <p>It may also ask for those that you gave before, and for those that {host} always asks \
             for. The next page says which.</p>",
            scopes.collect::<String>()
        )
    };
    let body = format!(
        "<h1>Sign in at {host}</h1>\
         <p>The assistant will use the account with which you sign in, through its tools \
         <code>{server}</code>, for <strong>{owner}</strong> and for nobody else.</p>{scopes}\
         <p>The next page is where {host} has its accounts. Look at its address before you type a \
         password.</p>\
         <p>Is that not you, or did somebody send you this link? Then close this page.</p>\
         <form method=\"post\"><button class=\"primary\">Go on</button></form>"
    );
    document(StatusCode::OK, &body)
}

fn done_with(done: &SignedIn) -> Response {
    let SignedIn { host, owner } = done;
    let (host, owner) = (escaped(host), named(owner));
    let body = format!(
        "<h1>Signed in</h1><p>The assistant can now use your account at {host} for \
         <strong>{owner}</strong>. Close this page, go back to the conversation, and say that you \
         did.</p>"
    );
    document(StatusCode::OK, &body)
}

fn told(fault: &SignInFault) -> Response {
    let status = match fault {
        SignInFault::Unknown => StatusCode::NOT_FOUND,
        SignInFault::Expired | SignInFault::Used => StatusCode::GONE,
        SignInFault::OtherBrowser => StatusCode::FORBIDDEN,
        SignInFault::Failed(_) => StatusCode::BAD_GATEWAY,
        SignInFault::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let why = escaped(&fault.to_string());
    let body = format!(
        "<h1>Not signed in</h1><p>Nothing was changed: {why}.</p><p>Go back to the conversation and \
         ask again; you get a new link.</p>"
    );
    document(status, &body)
}

fn document(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>Sign in\
         </title><link rel=\"stylesheet\" href=\"../page.css\"></head><body class=\"sign-in\"><main>\
         {body}</main></body></html>"
    );
    let kind = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, private(), kind, html).into_response()
}

fn private() -> [(HeaderName, &'static str); 4] {
    [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
    ]
}

/// As a person knows themselves: without a tenant that there is not.
fn named(owner: &Owner) -> String {
    if owner.is_anyone() {
        return "everybody who uses this server on its own machine".to_owned();
    }
    escaped(owner.as_str().trim_start_matches('/'))
}

/// As text, with what cannot be seen made visible.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in reveal(text).chars() {
        match letter {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            letter => html.push(letter),
        }
    }
    html
}
