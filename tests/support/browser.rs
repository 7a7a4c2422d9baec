//! A browser: keeps cookies by host, follows redirects, and clicks our button.

use std::collections::HashMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};

#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    cookies: HashMap<(String, String), String>,
    /// What it says of where a request is from.
    from: Option<String>,
    /// Where it was, the newest last.
    pub(crate) visited: Vec<String>,
}

/// What it shows.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { client, cookies: HashMap::new(), from: None, visited: Vec::new() }
    }

    /// Opens an address and follows where it leads.
    pub(crate) async fn open(&mut self, url: &str) -> Shown {
        self.follow(Method::GET, url, usize::MAX).await
    }

    /// Clicks the button of the page at this address, and follows where that leads.
    pub(crate) async fn click(&mut self, url: &str) -> Shown {
        self.follow(Method::POST, url, usize::MAX).await
    }

    /// The same, as the browser does it for a page that is from there.
    pub(crate) async fn click_from(&mut self, url: &str, place: &str) -> Shown {
        self.from = Some(place.to_owned());
        let shown = self.click(url).await;
        self.from = None;
        shown
    }

    /// The same up to the address of the issuer, and where that sends it back to, unopened.
    pub(crate) async fn click_and_agree(&mut self, url: &str) -> String {
        let away = self.follow(Method::POST, url, 1).await;
        assert_eq!(away.status, 302, "{away:?}");
        away.headers[LOCATION].to_str().unwrap().to_owned()
    }

    async fn follow(&mut self, method: Method, url: &str, most: usize) -> Shown {
        let (mut method, mut url) = (method, Url::parse(url).unwrap());
        for hop in 0..10 {
            let response = self.send(method, &url).await;
            let next = response.headers().get(LOCATION).map(|it| it.to_str().unwrap().to_owned());
            match next {
                Some(next) if hop < most => url = url.join(&next).unwrap(),
                _ => {
                    let (status, headers) =
                        (response.status().as_u16(), response.headers().clone());
                    return Shown { status, headers, text: response.text().await.unwrap() };
                }
            }
            method = Method::GET;
        }
        panic!("it is sent on and on: {:?}", self.visited)
    }

    async fn send(&mut self, method: Method, url: &Url) -> Response {
        self.visited.push(url.to_string());
        let host = url.host_str().unwrap().to_owned();
        let sent = self.cookies.iter().filter(|((known, _), _)| *known == host);
        let sent: Vec<_> = sent.map(|((_, name), value)| format!("{name}={value}")).collect();
        let request = self.client.request(method, url.clone()).header(COOKIE, sent.join("; "));
        let request = match &self.from {
            Some(from) => request.header("sec-fetch-site", from),
            None => request,
        };
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let name = (host.clone(), name.to_owned());
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(&name);
            } else {
                self.cookies.insert(name, value.to_owned());
            }
        }
        response
    }
}
