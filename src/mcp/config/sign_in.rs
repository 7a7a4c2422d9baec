//! The members of an entry that say who signs in at a server, and as which client (ADR 42, ADR 46).

use super::super::{OAuthClient, SignInBy, Transport};
use super::entry::{Members, texts, word};
use base::domain::Secret;

const HOLDERS: [(&str, SignInBy); 2] =
    [("operator", SignInBy::Operator), ("caller", SignInBy::Caller)];
pub(super) const CLIENT: [&str; 3] = ["client_id", "client_secret", "scopes"];
const NO_CLIENT: &str = r#""oauth" must be an object with "client_id", "client_secret" and "scopes", each of which may be absent; the last is a list of scopes"#;
const NO_SIGN_IN: &str = r#"a "sign_in" of callers needs an https "url", or one on this machine, without an Authorization header"#;

impl Members {
    pub(super) fn sign_in(
        &mut self,
        forward_auth: bool,
        transport: Option<&Transport>,
    ) -> SignInBy {
        let Some(value) = self.values.get("sign_in") else { return SignInBy::Operator };
        let Some(by) = word(value, &HOLDERS) else {
            self.fault("sign_in", r#""sign_in" must be "operator" or "caller""#);
            return SignInBy::Operator;
        };
        if by == SignInBy::Caller && forward_auth {
            let problem =
                r#""forward_auth" and a "sign_in" of callers exclude each other; keep one"#;
            self.fault("sign_in", problem);
        }
        if by == SignInBy::Caller
            && transport.is_some_and(|it| !it.keeps_tokens() || it.has_credential())
        {
            self.fault("sign_in", NO_SIGN_IN);
        }
        by
    }

    /// Our client at the server's issuer (ADR 42).
    pub(super) fn oauth(&mut self, forward_auth: bool) -> OAuthClient {
        let Some(oauth) = self.values.get("oauth") else { return OAuthClient::default() };
        let text = |name: &str| match oauth.get(name) {
            None => Some(None),
            Some(value) => value.as_str().filter(|it| !it.is_empty()).map(|it| Some(it.to_owned())),
        };
        let scopes = texts(oauth.get("scopes")).filter(|it| it.iter().all(|it| is_scope(it)));
        let (id, secret) = (text("client_id"), text("client_secret"));
        let (Some(client_id), Some(secret), Some(scopes), true) =
            (id, secret, scopes, oauth.is_object())
        else {
            self.fault("oauth", NO_CLIENT);
            return OAuthClient::default();
        };
        if secret.is_some() && client_id.is_none() {
            self.fault("oauth", r#""client_secret" needs a "client_id""#);
        }
        if forward_auth {
            self.fault("oauth", r#""oauth" and "forward_auth" exclude each other; keep one"#);
        }
        OAuthClient { client_id, client_secret: secret.map(Secret::new), scopes }
    }
}

/// As RFC 6749 has it, without quotes.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
}
