//! Keys, rates, ports, and pages of other origins: who is answered. Without settings, everyone is.

use std::{fmt, net::SocketAddr, num::NonZeroU32, str::FromStr, time::Duration};

use actix_cors::Cors;
use actix_web::{
    HttpMessage,
    dev::ServiceRequest,
    http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN},
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use sc_data::Sha256Digest;
use subtle::{Choice, ConstantTimeEq};

use crate::{client::Client, connections::Connection, error::ApiError};

/// Clients whose rates are kept. Past this number, those that have been quiet are forgotten.
const MANY_CLIENTS: usize = 10_000;

/// A key that opens the service. Only its SHA-256 is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey(Sha256Digest);

impl FromStr for ApiKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected the SHA-256 of a key, 64 hexadecimal digits: printf %s KEY | sha256sum";
        text.parse().map(Self).map_err(|_| expected.into())
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The clients that a route is for, and the port that it is served at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everyone, at both ports: these routes say if the server is well.
    Probes,
    /// Everyone: these routes are the page, and describe the service.
    Public,
    /// Clients with a key, within their rate: these routes cost something.
    Guarded,
    /// Clients with a key, within their rate, at the port for operators if there is one.
    Operators,
}

impl Audience {
    fn is_guarded(self) -> bool {
        matches!(self, Self::Guarded | Self::Operators)
    }

    fn is_at(self, is_admin_port: bool) -> bool {
        self == Self::Probes || is_admin_port == (self == Self::Operators)
    }
}

/// The rules by which clients are answered or refused. The default answers everyone.
#[derive(Default)]
pub struct Access {
    keys: Vec<ApiKey>,
    limiter: Option<DefaultKeyedRateLimiter<Client>>,
    origins: Vec<String>,
    admin_port: Option<u16>,
}

impl Access {
    /// Asks for one of `keys` if there are any, holds each client to `limit` requests a second on average and at once if there
    /// is one, and allows requests by pages of `origins`.
    pub fn new(keys: Vec<ApiKey>, limit: Option<NonZeroU32>, origins: Vec<String>) -> Self {
        let limiter = limit.map(|limit| RateLimiter::keyed(Quota::per_second(limit)));
        Self { keys, limiter, origins, admin_port: None }
    }

    /// Serves the operators' routes at this port alone, and nothing else there but the probes'.
    pub(crate) fn set_admin_port(&mut self, port: u16) {
        self.admin_port = Some(port);
    }

    /// Returns true if pages of other origins may ask.
    pub(crate) fn is_shared(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Returns the headers that tell browsers which origins may ask, and which headers of an answer their pages may read.
    pub(crate) fn cors(&self, readable: [HeaderName; 3]) -> Cors {
        let cors =
            Cors::default().allow_any_method().allow_any_header().expose_headers(readable).max_age(3600);
        self.origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
    }

    /// Refuses a page of another origin, if origins are named and it is of none of them. Browsers ask before other requests
    /// (CORS), but let any page open a WebSocket.
    ///
    /// Without names every page may: a proxy that changes `Host` would make this server's own page one of another origin.
    ///
    /// # Errors
    /// [`ApiError::Origin`].
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.is_shared() { self.check_own(headers) } else { Ok(()) }
    }

    /// Refuses a page of another origin than this server's own and the ones that are named.
    ///
    /// # Errors
    /// [`ApiError::Origin`].
    pub(crate) fn check_own(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(origin) = text(headers, ORIGIN.as_str()) else { return Ok(()) };
        // A page cannot set either header; a proxy that changes the first sets the second.
        let hosts = [HOST.as_str(), "x-forwarded-host"].into_iter().filter_map(|name| text(headers, name));
        let own = origin.split_once("://").map_or(origin, |(_, host)| host);
        let is_own =
            hosts.flat_map(|hosts| hosts.split(',')).any(|host| host.trim().eq_ignore_ascii_case(own));
        if is_own || self.origins.iter().any(|allowed| allowed == origin) {
            return Ok(());
        }
        Err(ApiError::Origin { got: origin.into(), way_out: way_out(origin) })
    }

    /// Refuses a request for a route of `audience` that comes to the wrong port, without a key, or too often.
    /// A request for a guarded route gets its client as data.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], [`ApiError::Key`] or [`ApiError::RateLimit`].
    pub(crate) fn check(&self, audience: Audience, request: &ServiceRequest) -> Result<(), ApiError> {
        let port = Connection::of(request.request()).map(|connection| connection.port);
        if self.admin_port.is_some_and(|admin| !audience.is_at(port == Some(admin))) {
            return Err(ApiError::NotFound);
        }
        if !audience.is_guarded() {
            return Ok(());
        }
        let header = |name: &str| text(request.headers(), name);
        let client = self.client(request.peer_addr(), header)?;
        request.extensions_mut().insert(client);
        Ok(())
    }

    /// Returns the client at `address` with these headers. Those without an address are one client.
    ///
    /// # Errors
    /// [`ApiError::Key`] or [`ApiError::RateLimit`].
    pub(crate) fn client<'a>(
        &self,
        address: Option<SocketAddr>,
        header: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Client, ApiError> {
        let mut digests = keys(header).map(|key| Sha256Digest::of(key.as_bytes()));
        let known = digests.find(|digest| self.knows(digest));
        let client = known.map_or_else(|| Client::at(address), |digest| Client::Key(*digest.as_bytes()));
        self.check_rate(&client)?; // also of one without a key: it may be guessing
        if known.is_none() && !self.keys.is_empty() {
            return Err(ApiError::Key);
        }
        Ok(client)
    }

    /// Counts a request against the rate of its client.
    ///
    /// # Errors
    /// [`ApiError::RateLimit`].
    pub(crate) fn check_rate(&self, client: &Client) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if limiter.len() > MANY_CLIENTS {
            limiter.retain_recent();
        }
        limiter.check_key(client).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            ApiError::RateLimit { wait_s: wait.max(Duration::from_millis(1)).as_secs_f64().ceil() as u64 }
        })
    }

    /// Returns true if one of the keys fits. The time does not tell which: each is compared whole.
    fn knows(&self, digest: &Sha256Digest) -> bool {
        let fits = |known: &ApiKey| known.0.as_bytes().ct_eq(digest.as_bytes());
        self.keys.iter().fold(Choice::from(0), |any, known| any | fits(known)).into()
    }
}

/// Returns a header's text, which may be in any script.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    str::from_utf8(headers.get(name)?.as_bytes()).ok()
}

/// Returns what lets a page of this origin ask.
fn way_out(origin: &str) -> String {
    if origin == "null" {
        return "serve it over http, as a page of a file has no origin".into();
    }
    format!("start the server with --allow-origin {origin} (SC_ALLOW_ORIGINS), or let the proxy keep Host")
}

/// Returns the keys in the headers of a request. Of two, one may be meant for a proxy.
fn keys<'a>(header: impl Fn(&str) -> Option<&'a str>) -> impl Iterator<Item = &'a str> {
    let bearer = header(AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        // In any case, and after one space or more (RFC 9110, 11.1 and 11.4).
        scheme.eq_ignore_ascii_case("Bearer").then(|| key.trim_start_matches(' '))
    });
    bearer.into_iter().chain(header("x-api-key"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// SHA-256 of `secret`.
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn check(access: &Access, header: (&str, &str)) -> Result<(), ApiError> {
        access.check(Audience::Guarded, &TestRequest::post().insert_header(header).to_srv_request())
    }

    #[test]
    fn any_of_the_keys_opens_in_either_header() {
        let other: ApiKey = "0".repeat(64).parse().unwrap();
        let access = Access::new(vec![other, SECRET.parse().unwrap()], None, Vec::new());
        for bearer in ["Bearer secret", "bearer secret", "BEARER   secret"] {
            assert!(check(&access, ("Authorization", bearer)).is_ok(), "{bearer}");
        }
        assert!(check(&access, ("X-API-Key", "secret")).is_ok());
        for wrong in ["", "Secret", SECRET] {
            assert!(matches!(check(&access, ("X-API-Key", wrong)), Err(ApiError::Key)), "{wrong}");
        }
        assert!(check(&Access::default(), ("Accept", "*/*")).is_ok());
    }

    #[test]
    fn a_known_key_counts_beside_a_foreign_one() {
        let access = Access::new(vec![SECRET.parse().unwrap()], None, Vec::new());
        for [bearer, other] in [["Bearer foreign", "secret"], ["Bearer secret", "foreign"]] {
            let request = TestRequest::post().insert_header(("Authorization", bearer));
            let request = request.insert_header(("X-API-Key", other)).to_srv_request();
            assert!(access.check(Audience::Guarded, &request).is_ok(), "{bearer}, {other}");
        }
    }

    #[test]
    fn guesses_of_a_key_count_against_the_rate_of_their_address_alone() {
        let access = Access::new(vec![SECRET.parse().unwrap()], NonZeroU32::new(1), Vec::new());
        assert!(matches!(check(&access, ("X-API-Key", "a guess")), Err(ApiError::Key)));
        assert!(matches!(check(&access, ("X-API-Key", "another")), Err(ApiError::RateLimit { .. })));
        assert!(check(&access, ("X-API-Key", "secret")).is_ok());
    }

    #[test]
    fn a_client_that_asks_too_often_is_told_how_long_to_wait() {
        let limit = NonZeroU32::new(2);
        let access = Access::new(Vec::new(), limit, Vec::new());
        let answers: Vec<_> = (0..3).map(|_| check(&access, ("Accept", "*/*"))).collect();
        assert!(answers[..2].iter().all(Result::is_ok), "{answers:?}");
        assert!(matches!(answers[2], Err(ApiError::RateLimit { wait_s: 1 })), "{answers:?}");
    }

    #[test]
    fn a_key_in_the_clear_is_no_setting() {
        assert!("secret".parse::<ApiKey>().unwrap_err().contains("sha256sum"));
    }
}
