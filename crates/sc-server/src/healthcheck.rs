//! `sc-server healthcheck` asks a server if it is well. It serves images that hold no other client.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    str::FromStr,
    time::Duration,
};

use actix_web::http::Uri;
use anyhow::{Context, anyhow, bail};

/// Time for each of connecting, sending and receiving: together less than the 5 s that container engines give
/// a check.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// Bytes of an answer that are read: enough for its status line.
const STATUS_LEN: u64 = 128;

/// The address that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub host: String,
    pub port: u16,
    pub path: String,
}

impl Target {
    /// Sends one request.
    ///
    /// # Errors
    /// If there is no answer in time, or one with another status than 200.
    pub fn check(&self) -> anyhow::Result<()> {
        let status = self.status().with_context(|| format!("{self} does not answer"))?;
        match status.split(' ').nth(1) {
            Some("200") => Ok(()),
            _ => bail!("{self} answers `{status}`"),
        }
    }

    /// Returns the first line of the answer.
    fn status(&self) -> anyhow::Result<String> {
        let addresses: Vec<_> = (self.host.as_str(), self.port).to_socket_addrs()?.collect();
        let mut stream = connect(&addresses)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        // In one piece: a part that arrives after the answer would reset the connection.
        let (path, host) = (&self.path, self.authority());
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(STATUS_LEN).read_to_end(&mut answer).map_err(in_words)?;
        let answer = String::from_utf8_lossy(&answer);
        Ok(answer.lines().next().context("it hangs up")?.to_owned())
    }

    /// Returns host and port, as a URL has them.
    fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// Connects to the first of a host's addresses that answers: `localhost` may be `::1` first.
fn connect(addresses: &[SocketAddr]) -> anyhow::Result<TcpStream> {
    let mut failed = anyhow!("it has no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, TIMEOUT / addresses.len() as u32) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error.into(),
        }
    }
    Err(failed)
}

/// Says that the time is over, for which Unix has only `Resource temporarily unavailable`.
fn in_words(error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => anyhow!("it says nothing for {TIMEOUT:?}"),
        _ => error.into(),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a URL such as http://127.0.0.1:8000/health";
        let uri: Uri = url.parse().map_err(|_| EXPECTED)?;
        let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(EXPECTED) };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let host = host.trim_matches(['[', ']']); // of an IPv6 address
        Ok(Self { host: host.into(), port: uri.port_u16().unwrap_or(80), path: path.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// The target of a server that answers once, with `answer`.
    fn serve_once(answer: &'static str) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 512]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        Target { host: "127.0.0.1".into(), port, path: "/health".into() }
    }

    #[test]
    fn only_200_is_well() {
        serve_once("HTTP/1.1 200 OK\r\n\r\n{}").check().unwrap();

        let target = serve_once("HTTP/1.1 503 Service Unavailable\r\n\r\n");
        let error = target.check().unwrap_err().to_string();
        assert_eq!(error, format!("{target} answers `HTTP/1.1 503 Service Unavailable`"));
    }

    #[test]
    fn a_server_that_is_not_there_or_says_nothing_is_not_well() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let target = Target { host: "127.0.0.1".into(), port: free, path: "/health".into() };
        assert_eq!(target.check().unwrap_err().to_string(), format!("{target} does not answer"));

        let error = format!("{:#}", serve_once("").check().unwrap_err());
        assert!(error.ends_with("it hangs up"), "{error}");
    }

    #[test]
    fn a_host_is_asked_at_each_of_its_addresses() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(connect(&[free, open.local_addr().unwrap()]).is_ok());
        assert!(connect(&[free]).is_err());
    }

    #[test]
    fn an_address_of_ipv6_is_in_brackets() {
        let url = "http://[::1]:9/health";
        assert_eq!(url.parse::<Target>().unwrap().to_string(), url);
    }

    #[test]
    fn a_url_is_taken_apart() {
        let target = |host: &str, port, path: &str| Target { host: host.into(), port, path: path.into() };
        for (url, expected) in [
            ("http://localhost", target("localhost", 80, "/")),
            ("http://127.0.0.1:8000/health/ready?now=1", target("127.0.0.1", 8000, "/health/ready?now=1")),
            ("http://[::1]:9/health", target("::1", 9, "/health")),
        ] {
            assert_eq!(url.parse(), Ok(expected), "{url}");
        }
        for wrong in ["https://localhost/", "localhost:8000", "/health", ""] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
