//! Listening TCP sockets and who holds them.

use super::descendants;
use std::collections::BTreeSet;
use std::fs;
use storex_core::Port;

/// State `LISTEN` in the fourth column of `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// True when the process or one of its descendants listens on this port on 127.0.0.1 or on any address, over IPv4 or IPv6. Processes of other
/// users are seen by root only.
pub fn listens(pid: u32, port: Port) -> bool {
    let inodes: BTreeSet<u64> =
        listeners().filter(|row| row.serves_loopback && row.port == port.get()).map(|row| row.inode).collect();
    // The tree is walked only when somebody listens and it is not the process itself.
    !inodes.is_empty() && (holds(pid, &inodes) || descendants(pid).into_iter().any(|child| holds(child, &inodes)))
}

/// Every TCP port something listens on now, on whatever address.
pub fn ports_in_use() -> BTreeSet<u16> {
    listeners().map(|row| row.port).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Listener {
    port: u16,
    inode: u64,
    /// True when a connection to 127.0.0.1 reaches it.
    serves_loopback: bool,
}

fn listeners() -> impl Iterator<Item = Listener> {
    let rows = |table: &str| fs::read_to_string(table).unwrap_or_default().lines().filter_map(parse).collect::<Vec<_>>();
    rows("/proc/net/tcp").into_iter().chain(rows("/proc/net/tcp6"))
}

/// One row: `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`. An address is its 32-bit words
/// in hexadecimal, each in the byte order of the machine.
fn parse(row: &str) -> Option<Listener> {
    let columns: Vec<&str> = row.split_ascii_whitespace().collect();
    if columns.get(3) != Some(&LISTEN) {
        return None;
    }
    let (address, port) = columns.get(1)?.split_once(':')?;
    Some(Listener {
        port: u16::from_str_radix(port, 16).ok()?,
        inode: columns.get(9)?.parse().ok()?,
        serves_loopback: serves_loopback(&words(address)?),
    })
}

fn words(address: &str) -> Option<Vec<[u8; 4]>> {
    let word = |digits: &[u8]| Some(u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?.to_ne_bytes());
    address.as_bytes().chunks(8).map(word).collect()
}

/// `0.0.0.0`, `127.0.0.1`, `::` (which takes IPv4 too unless told otherwise) and `::ffff:127.0.0.1`.
fn serves_loopback(words: &[[u8; 4]]) -> bool {
    const ANY: [u8; 4] = [0; 4];
    const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
    matches!(words, [ANY | LOOPBACK] | [ANY, ANY, ANY, ANY] | [ANY, ANY, [0, 0, 0xff, 0xff], LOOPBACK | ANY])
}

fn holds(pid: u32, inodes: &BTreeSet<u64>) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut sockets = descriptors.filter_map(|entry| {
        let link = fs::read_link(entry.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    });
    sockets.any(|inode| inodes.contains(&inode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[cfg(target_endian = "little")]
    #[test]
    fn rows_of_listening_sockets_are_read_and_others_passed_over() {
        let row = |address: &str, state: &str| {
            parse(&format!(
                "   0: {address}:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000   999        0 4711 1 0 100 0 0 10 0"
            ))
        };
        let v6 = |address: &str| row(address, "0A").unwrap().serves_loopback;
        assert_eq!(row("0100007F", "0A"), Some(Listener { port: 8080, inode: 4711, serves_loopback: true }));
        assert!(row("00000000", "0A").unwrap().serves_loopback);
        assert!(!row("0200007F", "0A").unwrap().serves_loopback);
        assert_eq!(row("0100007F", "01"), None);
        assert!(v6("00000000000000000000000000000000") && v6("0000000000000000FFFF00000100007F"));
        assert!(!v6("00000000000000000000000001000000"), "::1 does not take connections to 127.0.0.1");
        assert_eq!(parse("  sl  local_address rem_address   st tx_queue"), None);
    }

    #[test]
    fn a_listener_is_found_at_its_process_and_at_no_other() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port: Port = listener.local_addr().unwrap().port().try_into().unwrap();
            assert!(listens(std::process::id(), port), "{address}");
            assert!(!listens(u32::MAX, port));
            assert!(ports_in_use().contains(&port.get()));
            drop(listener);
            assert!(!listens(std::process::id(), port));
        }
    }
}
