//! Which addresses may be reached (ADR 31).

use std::net::IpAddr;

use orchestrator::outbound::{
    Network, NotAllowed, ReachableNetworks, allowed, network_of, url_fault,
};

/// Each with an address at both ends of what it covers, where there is one.
const NETWORKS: &[(Network, &[&str])] = &[
    (
        Network::Public,
        &[
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2606:4700::1111",
            "3ffe::1",
            "3fff:1000::",
            // They carry a public address of IPv4.
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::",
        ],
    ),
    (
        Network::Private,
        &[
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::",
            "fdff::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "2001:db8::1",
            "2001:20::1",
            "2001::1",
            "3fff::1",
            "5f00::1",
            "4000::",
            // They carry a private address of IPv4.
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::192.168.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "2002:a00:1::",
            "2002:7f00:1::1",
        ],
    ),
    (
        Network::LinkLocal,
        &[
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::",
            "febf:ffff::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            // They carry one of these.
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:00a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00:0",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5601:5601",
            "::ffff:100.100.100.200",
        ],
    ),
];

#[test]
fn every_address_is_known_by_its_network_also_one_that_is_carried_in_another() {
    for (network, addresses) in NETWORKS {
        for address in *addresses {
            assert_eq!(network_of(address.parse().unwrap()), *network, "{address}");
        }
    }
}

#[test]
fn a_name_leads_only_where_the_operator_allows_it_and_an_address_leads_where_it_is_written() {
    use ReachableNetworks::{All, Public};
    let (private, link_local) = (Err(NotAllowed::Private), Err(NotAllowed::LinkLocal));
    for (host, address, anywhere, public) in [
        ("api.example", "8.8.8.8", Ok(()), Ok(())),
        ("api.example", "10.0.0.1", Ok(()), private),
        ("api.example", "127.0.0.1", Ok(()), private),
        ("api.example", "::ffff:127.0.0.1", Ok(()), private),
        ("api.example", "169.254.169.254", link_local, link_local),
        ("api.example", "::ffff:169.254.169.254", link_local, link_local),
        ("metadata.google.internal", "169.254.169.254", link_local, link_local),
        // What is written is meant.
        ("10.0.0.1", "10.0.0.1", Ok(()), Ok(())),
        ("169.254.169.254", "169.254.169.254", Ok(()), Ok(())),
        ("fd00:ec2::254", "fd00:ec2::254", Ok(()), Ok(())),
        ("10.0.0.1", "10.0.0.2", Ok(()), private),
        ("169.254.169.254", "169.254.169.253", link_local, link_local),
        // This machine, and nothing else under its name.
        ("localhost", "127.0.0.1", Ok(()), Ok(())),
        ("localhost", "::1", Ok(()), Ok(())),
        ("mcp.localhost.", "127.0.0.1", Ok(()), Ok(())),
        ("localhost", "10.0.0.1", Ok(()), private),
        ("localhost", "169.254.169.254", link_local, link_local),
        ("notlocalhost", "127.0.0.1", Ok(()), private),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(allowed(address, host, All), anywhere, "{host} {address}");
        assert_eq!(allowed(address, host, Public), public, "{host} {address}");
    }
}

#[test]
fn a_refusal_says_what_to_do_and_shows_no_address() {
    for refusal in [NotAllowed::Private, NotAllowed::LinkLocal] {
        let words = refusal.to_string();
        assert!(words.contains("write the address itself into the URL"), "{words}");
        assert!(!words.contains(|c: char| c.is_ascii_digit()), "{words}");
    }
    assert!(NotAllowed::Private.to_string().contains("BLOCK_PRIVATE_NETWORKS"));
}

#[test]
fn a_metadata_service_is_known_by_its_name_too() {
    for (url, is_one) in [
        ("http://metadata.google.internal/v1", true),
        ("http://METADATA.google.internal.:8080/", true),
        ("https://metadata.example/", false),
        ("http://169.254.169.254/", false),
    ] {
        let fault = url_fault(&url.parse().unwrap(), ReachableNetworks::All);
        assert_eq!(fault.is_some(), is_one, "{url}");
    }
}
