//! Who is answered: keys, rates, and pages of other origins. Nobody is refused unless settings say so.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    str::FromStr,
    time::Duration,
};

use actix_cors::Cors;
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::AUTHORIZATION,
    middleware::Next,
    web::Data,
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use sc_data::Sha256Digest;
use subtle::{Choice, ConstantTimeEq};

use crate::{error::ApiError, state::AppState};

/// Clients whose rates are remembered before those that have been quiet are forgotten.
const MANY_CLIENTS: usize = 10_000;

/// A key that opens the service, known by its digest alone.
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

/// Requests a client may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// On average.
    pub per_second: NonZeroU32,
}

/// Who is answered.
#[derive(Default)]
pub struct Access {
    keys: Vec<ApiKey>,
    limiter: Option<DefaultKeyedRateLimiter<Client>>,
    origins: Vec<String>,
    admin_port: Option<u16>,
}

/// Whose requests are counted together: the bearer of a key, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Client {
    Key([u8; 32]),
    Address(IpAddr),
}

impl Access {
    /// Asks for one of `keys` if there are any, answers each client at most as often as `limit` says, and
    /// lets pages of `origins` ask.
    pub fn new(keys: Vec<ApiKey>, limit: Option<RateLimit>, origins: Vec<String>) -> Self {
        let limiter = limit.map(|limit| RateLimiter::keyed(Quota::per_second(limit.per_second)));
        Self { keys, limiter, origins, admin_port: None }
    }

    /// Answers what is for operators on this port alone, and nothing else there.
    pub(crate) fn set_admin_port(&mut self, port: u16) {
        self.admin_port = Some(port);
    }

    /// Whether pages of other origins may ask.
    pub(crate) fn is_shared(&self) -> bool {
        !self.origins.is_empty()
    }

    /// What those pages' browsers are told.
    pub(crate) fn cors(&self) -> Cors {
        let cors = Cors::default().allow_any_method().allow_any_header().expose_any_header().max_age(3600);
        self.origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
    }

    fn check(&self, request: &ServiceRequest) -> Result<(), ApiError> {
        // Decoded, as routes are matched: `/%70redict` is `/predict`.
        let path = request.match_info().as_str();
        let port = request.app_config().local_addr().port();
        if self.admin_port.is_some_and(|admin| !is_for(path, port == admin)) {
            return Err(ApiError::NotFound);
        }
        if !is_guarded(path) {
            return Ok(());
        }
        let digest = key(request).map(|key| Sha256Digest::of(key.as_bytes()));
        if !self.keys.is_empty() && !digest.as_ref().is_some_and(|digest| self.knows(digest)) {
            return Err(ApiError::Key);
        }
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let client = match digest {
            Some(digest) if !self.keys.is_empty() => Client::Key(*digest.as_bytes()),
            _ => Client::Address(
                request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip()),
            ),
        };
        if limiter.len() > MANY_CLIENTS {
            limiter.retain_recent();
        }
        limiter.check_key(&client).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            ApiError::RateLimit { wait_s: wait.max(Duration::from_millis(1)).as_secs_f64().ceil() as u64 }
        })
    }

    /// Compares with every key in the same time, whichever fits.
    fn knows(&self, digest: &Sha256Digest) -> bool {
        let fits = |known: &ApiKey| known.0.as_bytes().ct_eq(digest.as_bytes());
        self.keys.iter().fold(Choice::from(0), |any, known| any | fits(known)).into()
    }
}

/// The key that a request shows.
fn key(request: &ServiceRequest) -> Option<&str> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let bearer = header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| header("x-api-key"))
}

/// Lets a request through, or refuses it. Probes and the page are for all; what the page asks for is not.
///
/// A refusal is an answer like any other, and not an error, which would pass by the log and the metrics.
pub async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let state = request.app_data::<Data<AppState>>().cloned();
    match state.map_or(Ok(()), |state| state.access.check(&request)) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(refusal) => Ok(request.error_response(refusal).map_into_right_body()),
    }
}

/// Whether a path is served on the port for operators, or on the other one.
fn is_for(path: &str, is_admin: bool) -> bool {
    path.starts_with("/health") || is_admin == is_operation(path)
}

fn is_operation(path: &str) -> bool {
    path == "/metrics" || path.starts_with("/admin/")
}

/// What costs or tells something.
fn is_guarded(path: &str) -> bool {
    is_operation(path)
        || ["/predict", "/detect", "/stream"].contains(&path)
        || (path.starts_with("/v2/models") && path.ends_with("/infer"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// SHA-256 of `secret`.
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn check(access: &Access, header: (&str, &str)) -> Result<(), ApiError> {
        access.check(&TestRequest::post().uri("/predict").insert_header(header).to_srv_request())
    }

    #[test]
    fn any_of_the_keys_opens_in_either_header() {
        let other: ApiKey = "0".repeat(64).parse().unwrap();
        let access = Access::new(vec![other, SECRET.parse().unwrap()], None, Vec::new());
        assert!(check(&access, ("Authorization", "Bearer secret")).is_ok());
        assert!(check(&access, ("X-API-Key", "secret")).is_ok());
        for wrong in ["", "Secret", SECRET] {
            assert!(matches!(check(&access, ("X-API-Key", wrong)), Err(ApiError::Key)), "{wrong}");
        }
        assert!(check(&Access::default(), ("Accept", "*/*")).is_ok());
    }

    #[test]
    fn a_path_is_guarded_however_it_is_written() {
        let access = Access::new(vec![SECRET.parse().unwrap()], None, Vec::new());
        for path in
            ["/predict", "/%70redict", "/%73tream", "/v2/models/x/infe%72", "/%61dmin/reload", "/metric%73"]
        {
            let request = TestRequest::post().uri(path).to_srv_request();
            assert!(matches!(access.check(&request), Err(ApiError::Key)), "{path}");
        }
    }

    #[test]
    fn a_client_that_asks_too_often_is_told_how_long_to_wait() {
        let limit = RateLimit { per_second: NonZeroU32::new(2).unwrap() };
        let access = Access::new(Vec::new(), Some(limit), Vec::new());
        let answers: Vec<_> = (0..3).map(|_| check(&access, ("Accept", "*/*"))).collect();
        assert!(answers[..2].iter().all(Result::is_ok), "{answers:?}");
        assert!(matches!(answers[2], Err(ApiError::RateLimit { wait_s: 1 })), "{answers:?}");
    }

    #[test]
    fn a_key_in_the_clear_is_no_setting() {
        assert!("secret".parse::<ApiKey>().unwrap_err().contains("sha256sum"));
    }
}
