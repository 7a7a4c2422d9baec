//! Who may come in: closed by default where others reach the server.

use orchestrator::api::Hosts;
use orchestrator::domain::{Caller, Owner, Scope};
use tempfile::TempDir;

use super::load;

const ISSUER: [(&str, &str); 3] = [
    ("AUTH_JWKS_URL", "https://issuer.example/keys"),
    ("AUTH_ISSUER", "https://issuer.example"),
    ("AUTH_AUDIENCE", "us"),
];

const SECRET: (&str, &str) = ("AUTH_JWT_SECRET", "thirty-two bytes of a test secret");

#[test]
fn an_address_that_others_reach_needs_a_way_to_recognise_them() {
    let everybody = ("ALLOW_ANONYMOUS", "true");
    for host in ["0.0.0.0", "::", "10.0.0.1", "chat.example"] {
        let host = ("HOST", host);
        let told = load(&[host]).unwrap_err().to_string();
        assert!(told.contains("- HOST says that others may reach"), "{told}");
        assert!(told.contains("API_KEYS_FILE") && told.contains("ALLOW_ANONYMOUS=true"), "{told}");

        assert_eq!(load(&[host, SECRET]).unwrap().anonymous, None);
        let [url, issuer, audience] = ISSUER;
        assert_eq!(load(&[host, url, issuer, audience]).unwrap().anonymous, None);
        let anyone = Some(Caller::new(Owner::anyone(), &[Scope::Chat]));
        assert_eq!(load(&[host, everybody]).unwrap().anonymous, anyone);
        assert_eq!(load(&[host, everybody, SECRET]).unwrap().anonymous, anyone);
        let unless = ("ALLOW_ANONYMOUS", "if-no-keys");
        assert_eq!(load(&[host, unless]).unwrap().anonymous, anyone);
        assert_eq!(load(&[host, unless, SECRET]).unwrap().anonymous, None);
    }
    for (name, value) in [("PUBLIC_URL", "https://chat.example"), ("ALLOWED_HOSTS", "chat.example")]
    {
        let told = load(&[(name, value)]).unwrap_err().to_string();
        assert!(told.contains(&format!("- {name} says that others may reach")), "{told}");
        let anyone = Some(Caller::new(Owner::anyone(), &[Scope::Chat]));
        assert_eq!(load(&[(name, value), everybody]).unwrap().anonymous, anyone);
    }
    let here = ("PUBLIC_URL", "http://localhost:3000");
    assert_eq!(load(&[here]).unwrap().anonymous, Some(Caller::anyone()));
    for host in ["127.0.0.1", "localhost", "::1", "127.1.2.3"] {
        let host = ("HOST", host);
        assert_eq!(load(&[host]).unwrap().anonymous, Some(Caller::anyone()));
        assert_eq!(load(&[host, SECRET]).unwrap().anonymous, None, "asked for, so it counts");
    }
}

#[test]
fn faults_of_who_may_come_in_are_told_and_values_are_not() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let faulty = write(
        "faulty",
        r#"{"keys": [{"id": "geheim!", "name": "n", "hash": "geheim", "user": "u"}]}"#,
    );
    let missing = folder.path().join("missing");
    for (set, expected) in [
        (vec![("AUTH_JWT_SECRET", "geheim")], "AUTH_JWT_SECRET must have at least 32 bytes"),
        (vec![("AUTH_JWKS_URL", "geheim")], "AUTH_JWKS_URL must be"),
        (vec![("AUTH_JWKS_URL", "http://geheim.example/keys")], "AUTH_JWKS_URL must be an https"),
        (vec![ISSUER[0]], "AUTH_ISSUER must be set"),
        (vec![ISSUER[0], ISSUER[1]], "AUTH_AUDIENCE must be set"),
        (vec![("API_KEYS_FILE", &faulty)], "key 1: its hash is not"),
        (vec![("API_KEYS_FILE", missing.to_str().unwrap())], "API_KEYS_FILE names a file"),
        (vec![("AUTH_ISSUER", "https://a.example")], "AUTH_ISSUER does nothing without"),
        (vec![("AUTH_TENANT_CLAIM", "org")], "AUTH_TENANT_CLAIM does nothing without"),
        (vec![("ALLOW_ANONYMOUS", "geheim")], "ALLOW_ANONYMOUS must be"),
        (
            vec![("ALLOWED_HOSTS", "a.example,https://geheim")],
            "ALLOWED_HOSTS has a fault in entry 2",
        ),
        (
            vec![("ALLOWED_IMAGE_DOMAINS", "a.example, https://geheim")],
            "ALLOWED_IMAGE_DOMAINS has a fault in entry 2",
        ),
    ] {
        let told = load(&set).unwrap_err().to_string();
        assert!(told.contains(expected) && !told.contains("geheim"), "{expected}: {told}");
    }
    let fine = write("fine", r#"{"keys": []}"#);
    assert_eq!(load(&[("API_KEYS_FILE", &fine)]).unwrap().anonymous, None);
}

#[test]
fn the_server_answers_to_the_names_that_it_was_given() {
    let names = |all: &[&str]| Hosts::Named(all.iter().map(|&name| name.to_owned()).collect());
    let hosts = |set: &[(&str, &str)]| load(&[set, &[SECRET]].concat()).unwrap().api.hosts;

    assert_eq!(hosts(&[]), names(&["127.0.0.1"]));
    let public = [("PUBLIC_URL", "https://chat.example:8443/x"), ("ALLOWED_HOSTS", "a, b.example")];
    assert_eq!(hosts(&public), names(&["a", "b.example", "chat.example", "127.0.0.1"]));
    assert_eq!(hosts(&[("ALLOWED_HOSTS", "a,*")]), Hosts::Any);
}
