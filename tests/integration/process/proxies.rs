//! A model that can be reached by way of a proxy alone.

use serde_json::json;
use tempfile::TempDir;

use crate::support::model_server::ModelServer;
use crate::support::process::{Running, ask, program};
use crate::support::proxy::{MODEL, Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn a_model_over_tls_is_asked_through_a_tunnel_of_the_proxy() {
    let data = TempDir::new().unwrap();
    let trust = data.path().join("trust.pem");
    let proxy = Proxy::start(&trust).await;
    let by = proxy.url.replace("http://", "http://me:secret@");
    let base_url = format!("https://{MODEL}/v1");
    let trust = trust.display().to_string();
    let env = [("HTTPS_PROXY", &*by), ("GEMINI_BASE_URL", &base_url), ("SSL_CERT_FILE", &trust)];

    // So often that on one core at least it is asked a second time.
    let times = std::thread::available_parallelism().unwrap().get() + 2;
    let heads = asked(times, &data, &env, &proxy).await;

    let (tunnels, requests): (Vec<_>, Vec<_>) =
        heads.iter().partition(|head| head.starts_with("connect "));
    let basic = "proxy-authorization: basic bwu6c2vjcmv0\r\n";
    let fine = |head: &&String| {
        head.starts_with(&format!("connect {MODEL}:443 http/1.1\r\n"))
            && head.contains(basic)
            && head.contains("user-agent: orchestrator/")
    };
    assert!(!tunnels.is_empty() && tunnels.iter().all(fine), "{heads:#?}");
    let asked = "post /v1/chat/completions http/1.1\r\n";
    let posts: Vec<_> = requests.iter().filter(|head| head.starts_with(asked)).collect();
    assert_eq!(posts.len(), times, "{heads:#?}");
    assert!(tunnels.len() < requests.len(), "a tunnel is used again: {heads:#?}");
    assert!(posts.iter().all(|head| head.contains(&format!("host: {MODEL}\r\n"))), "{heads:#?}");
    let is_told = requests.iter().any(|head| head.contains("proxy-authorization"));
    assert!(!is_told, "the provider need not know: {heads:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_tls_is_asked_for_at_the_proxy_by_its_whole_address() {
    let data = TempDir::new().unwrap();
    let proxy = Proxy::start(&data.path().join("trust.pem")).await;
    let by = proxy.url.replace("http://", "http://me:secret@");
    let base_url = format!("http://{MODEL}:8080/v1");
    let env = [("HTTP_PROXY", &*by), ("GEMINI_BASE_URL", &base_url)];

    let heads = asked(2, &data, &env, &proxy).await;

    let asked = format!("post http://{MODEL}:8080/v1/chat/completions http/1.1\r\n");
    let fine = |head: &&String| {
        head.starts_with(&asked)
            && head.contains(&format!("host: {MODEL}:8080\r\n"))
            && head.contains("proxy-authorization: basic bwu6c2vjcmv0\r\n")
            && head.contains("user-agent: orchestrator/")
    };
    assert_eq!(heads.iter().filter(fine).count(), 2, "{heads:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_asked_for_the_way_to_this_machine() {
    let data = TempDir::new().unwrap();
    let proxy = Proxy::start(&data.path().join("trust.pem")).await;
    let model = ModelServer::emulate().await;
    let env = [("HTTP_PROXY", &*proxy.url), ("GEMINI_BASE_URL", &model.base_url)];
    let env = [&env[..], &[("GEMINI_API_KEY", "k")]].concat();
    let server = Running::start(&data, &env);
    server.ready().await;

    let answer = ask(&server.url, &json!({ "message": "hi" })).await;
    drop(server.stop());

    assert_eq!(answer["outcome"], "completed", "{answer}");
    assert_eq!(proxy.heads(), Vec::<String>::new());
}

/// A proxy looks up names by itself, so nothing can be promised of where they lead.
#[test]
fn what_goes_through_a_proxy_cannot_be_kept_out_of_private_networks_and_the_start_says_so() {
    let data = TempDir::new().unwrap();
    let start = |no_proxy: &str, port: &str| {
        let mut command = program(data.path());
        command.env("BLOCK_PRIVATE_NETWORKS", "true").env("HTTPS_PROXY", "http://127.0.0.1:9");
        command.env("GEMINI_API_KEY", "k").env("GEMINI_BASE_URL", format!("https://{MODEL}/v1"));
        let output = command.env("NO_PROXY", no_proxy).env("PORT", port).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };

    let (code, told) = start("", "0");
    assert_eq!(code, Some(64), "{told}");
    assert!(told.contains("GEMINI_BASE_URL is reached through a proxy"), "{told}");
    // Its port is no number, so it ends in any case.
    let (_, told) = start(MODEL, "none");
    assert!(told.contains("PORT") && !told.contains("GEMINI_BASE_URL"), "{told}");
}

/// What comes to the proxy of a server that is asked, and answers with what it is told there.
async fn asked(times: usize, data: &TempDir, env: &[(&str, &str)], proxy: &Proxy) -> Vec<String> {
    let server = Running::start(data, &[env, &[("GEMINI_API_KEY", "k")]].concat());
    server.ready().await;
    for _ in 0..times {
        let answer = ask(&server.url, &json!({ "message": "hi" })).await;
        assert_eq!(answer["outcome"], "completed", "{answer} {:#?}", proxy.heads());
        assert!(answer.to_string().contains("From afar."), "{answer}");
    }
    drop(server.stop());
    proxy.heads()
}
