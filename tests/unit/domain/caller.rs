//! Who owns what, and what a caller may do.

use orchestrator::domain::{Caller, Owner, Scope};

#[test]
fn two_users_are_never_the_same_owner() {
    let pairs = [("", "a"), ("a", "b"), ("", "a/b"), ("a", "b/c"), ("a/b", "c"), ("", "anyone")];
    let owners: Vec<_> =
        pairs.iter().filter_map(|(tenant, user)| Owner::user(tenant, user)).collect();
    // A tenant with a slash is refused.
    assert_eq!(owners.len(), 5);
    for (place, owner) in owners.iter().enumerate() {
        assert!(!owners.iter().skip(place + 1).any(|other| other == owner), "{owner} twice");
        assert!(!owner.is_anyone(), "{owner} is a user");
    }
}

#[test]
fn what_is_no_name_owns_nothing() {
    let long = "u".repeat(201);
    for (tenant, user) in
        [("", ""), ("", "a\nb"), ("", "a "), (" t", "a"), ("t\0", "a"), ("", &long), (&long, "a")]
    {
        assert_eq!(Owner::user(tenant, user), None, "{tenant:?} {user:?}");
    }
}

#[test]
fn a_caller_may_do_what_its_scopes_say() {
    let caller = Caller::new(Owner::anyone(), &[Scope::Chat]);
    assert!(caller.may(Scope::Chat) && !caller.may(Scope::Operate));
    for (name, scope) in Scope::NAMES {
        assert_eq!(Scope::named(name), Some(scope));
    }
    assert_eq!(Scope::named("root"), None);
}
