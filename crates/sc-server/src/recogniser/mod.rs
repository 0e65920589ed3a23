//! The one way from audio to an answer, behind every protocol: it decodes within the limits, classifies or
//! detects on the pool, and measures and counts both.

mod live;

use std::{sync::Arc, time::Instant};

use actix_web::{rt::spawn, web::Bytes};
use sc_data::{Limits, SAMPLE_RATE_HZ, Waveform, decode, quick_wav_seconds, resample, with_causes};
use sc_model::{
    Classifier, Detection, Detector, DetectorConfig, Prediction, Timing,
    words::{Recording, Taught},
};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    Model,
    client::Client,
    error::ApiError,
    metrics::{Metrics, Phase},
    model::Change,
    places::Place,
    pool::Pool,
};

pub use live::LiveStream;
use live::Pieces;

/// Bytes of a short piece of work, such as a WAV file of a second at 48 kHz: it takes about a millisecond.
pub const SHORT_BYTES: usize = 100_000;

/// Longest sound of a short piece of work, in seconds.
const SHORT_S: f64 = 2.0;

/// The label by which taught words are counted. A series for each name that clients give would fill the memory.
const TAUGHT: &str = "_taught_";

/// Audio that a client sends.
pub enum Audio {
    /// The bytes of a file, in any format that [`decode`] reads.
    File(Bytes),
    /// Mono samples.
    Samples {
        /// In [-1, 1].
        samples: Vec<f32>,
        /// Samples a second.
        rate_hz: u32,
    },
}

impl Audio {
    /// Returns true for what takes about a millisecond to classify: a WAV file of at most [`SHORT_S`] at a usual rate.
    fn is_short(&self) -> bool {
        let Self::File(bytes) = self else { return false };
        bytes.len() <= SHORT_BYTES && quick_wav_seconds(bytes).is_some_and(|length| length <= SHORT_S)
    }

    /// Returns the audio as 16 kHz mono samples.
    fn decode(&self, limits: &Limits) -> Result<Vec<f32>, sc_data::Error> {
        match self {
            Self::File(bytes) => decode(bytes, limits),
            Self::Samples { samples, rate_hz } => resample(samples, (*rate_hz).into(), limits),
        }
    }
}

/// The answers to a batch, one for each clip, in their order, and the model that gave them.
pub type Batch = (Arc<Classifier>, Vec<Result<Prediction, sc_data::Error>>);

/// The keywords in a piece of audio.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Detections {
    /// Length of the audio.
    pub duration_s: f32,
    /// The keywords, in the order of their time.
    pub detections: Vec<Detection>,
}

/// One step of a detection that is told as it goes.
pub enum Progress {
    /// A keyword is detected.
    Detected(Detection),
    /// The audio is over. Nothing follows.
    Done {
        /// Length of the audio.
        duration_s: f32,
    },
    /// The detection ends early. Nothing that follows may be told.
    Failed(ApiError),
}

/// Answers audio with keywords, and counts that.
pub struct Recogniser {
    model: Arc<Model>,
    limits: Limits,
    pool: Pool,
    metrics: Arc<Metrics>,
    /// Live sound that waits for a worker.
    pieces: Pieces,
}

impl Recogniser {
    /// Answers with `model` what is within `limits`, on `pool`, and counts it in `metrics`.
    pub fn new(model: Arc<Model>, limits: Limits, pool: Pool, metrics: Arc<Metrics>) -> Self {
        Self { model, limits, pool, metrics, pieces: Pieces::default() }
    }

    /// The pool that runs the work.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Names the keyword in one clip, accepted from `threshold` or else from the model's own on.
    ///
    /// # Errors
    /// [`ApiError::Audio`] if the audio cannot be used; as [`Pool::run`].
    pub async fn classify(
        self: &Arc<Self>,
        place: Place,
        audio: Audio,
        threshold: Option<f32>,
    ) -> Result<Prediction, ApiError> {
        let classifier = self.model.current();
        if audio.is_short() {
            return Ok(self
                .pool
                .run_short(place, || self.classify_now(&classifier, &audio, threshold))
                .await??);
        }
        let this = Arc::clone(self);
        Ok(self.pool.run(place, move |_| this.classify_now(&classifier, &audio, threshold)).await??)
    }

    /// Names the keyword in each of several clips, as one job: there are as many answers as clips, or none.
    ///
    /// # Errors
    /// As [`Pool::run`]. Audio that cannot be used is an error in its own place in the batch.
    pub async fn classify_all(
        self: &Arc<Self>,
        place: Place,
        clips: Vec<Audio>,
        threshold: Option<f32>,
    ) -> Result<Batch, ApiError> {
        let (this, classifier) = (Arc::clone(self), self.model.current());
        let job = move |cancellation: &CancellationToken| {
            // A cancelled job's answers reach nobody, so that these are all of them or do not matter.
            let clips = clips.iter().take_while(|_| !cancellation.is_cancelled());
            let answers = clips.map(|audio| this.classify_now(&classifier, audio, threshold)).collect();
            (classifier, answers)
        };
        self.pool.run(place, job).await
    }

    /// Finds the keywords in a recording.
    ///
    /// # Errors
    /// As [`classify`](Self::classify).
    pub async fn detect(
        self: &Arc<Self>,
        place: Place,
        audio: Audio,
        config: DetectorConfig,
    ) -> Result<Detections, ApiError> {
        let (this, classifier) = (Arc::clone(self), self.model.current());
        let job = move |cancellation: &CancellationToken| {
            let samples = this.decode(&audio)?;
            let mut detections = Vec::new();
            this.detect_now(Detector::new(classifier, &config), &samples, cancellation, |detection| {
                detections.push(detection);
                true
            });
            Ok::<_, sc_data::Error>(Detections { duration_s: seconds(&samples), detections })
        };
        Ok(self.pool.run(place, job).await??)
    }

    /// Finds the keywords in a recording, and tells each as soon as it is found. The work ends within a second of audio
    /// when the receiver is dropped, and never waits for it: the length of the audio bounds what it may hold.
    ///
    /// # Errors
    /// As [`classify`](Self::classify), for the decoding. Later errors are steps, [`Progress::Failed`].
    pub async fn detect_in_steps(
        self: &Arc<Self>,
        place: Place,
        audio: Audio,
        config: DetectorConfig,
    ) -> Result<mpsc::UnboundedReceiver<Progress>, ApiError> {
        let (this, classifier) = (Arc::clone(self), self.model.current());
        let samples = self.pool.run(place.clone(), move |_| this.decode(&audio)).await??;
        let (progress, receiver) = mpsc::unbounded_channel();
        let (this, found) = (Arc::clone(self), progress.clone());
        let duration_s = seconds(&samples);
        let job = move |cancellation: &CancellationToken| {
            this.detect_now(Detector::new(classifier, &config), &samples, cancellation, |detection| {
                found.send(Progress::Detected(detection)).is_ok()
            });
        };
        let this = Arc::clone(self);
        spawn(async move {
            let ran = tokio::select! {
                ran = this.pool.run(place, job) => ran,
                () = progress.closed() => return,
            };
            let last = match ran {
                Ok(()) => Progress::Done { duration_s },
                Err(error) => Progress::Failed(error),
            };
            let _ = progress.send(last); // fails if the client has gone
        });
        Ok(receiver)
    }

    /// Teaches the word `name` by recordings of it. Those that cannot be decoded are left out.
    ///
    /// # Errors
    /// As [`Pool::run`] and [`Change::teach`].
    pub async fn teach(
        self: &Arc<Self>,
        place: Place,
        name: String,
        clips: Vec<Audio>,
    ) -> Result<Taught, ApiError> {
        self.model.check_word(&name, clips.len())?;
        let (this, change) = (Arc::clone(self), self.change(&place).await?);
        let job = move |cancellation: &CancellationToken| {
            let clips = clips.iter().take_while(|_| !cancellation.is_cancelled()).enumerate();
            let recordings = clips.map(|(i, audio)| {
                let samples = this.decode(audio).map_err(|error| with_causes(&error));
                Recording::new((i + 1).to_string(), samples)
            });
            change.teach(&name, recordings.collect(), cancellation)
        };
        self.pool.run(place, job).await?
    }

    /// Forgets the taught word `name`.
    ///
    /// # Errors
    /// As [`Pool::run`] and [`Change::forget`].
    pub async fn forget(&self, place: Place, name: String) -> Result<(), ApiError> {
        let change = self.change(&place).await?;
        self.pool.run(place, move |cancellation| change.forget(&name, cancellation)).await?
    }

    /// Waits for the right to change the model before a worker is asked for: those that wait for it leave the workers to others.
    async fn change(&self, place: &Place) -> Result<Change, ApiError> {
        self.pool.in_time(place.begin(), async { Ok(self.model.change().await) }).await
    }

    /// Opens a live stream of `rate_hz` samples a second.
    ///
    /// # Errors
    /// [`ApiError::Audio`] if the rate is out of range, [`ApiError::Busy`] if there are too many streams.
    pub fn stream(
        self: &Arc<Self>,
        client: &Client,
        rate_hz: u32,
        config: &DetectorConfig,
    ) -> Result<LiveStream, ApiError> {
        self.limits.check_format(1, rate_hz)?;
        let place = self.pool.streams().take(client)?;
        Ok(LiveStream::new(Arc::clone(self), place, config, rate_hz))
    }

    fn classify_now(
        &self,
        classifier: &Classifier,
        audio: &Audio,
        threshold: Option<f32>,
    ) -> Result<Prediction, sc_data::Error> {
        let waveform = Waveform::from_samples(&self.decode(audio)?);
        let threshold = threshold.unwrap_or(classifier.header().threshold);
        let (prediction, timing) = classifier.classify_at(&waveform, threshold);
        self.note(timing);
        self.count(classifier, &prediction.label, prediction.accepted);
        Ok(prediction)
    }

    fn decode(&self, audio: &Audio) -> Result<Vec<f32>, sc_data::Error> {
        let start = Instant::now();
        let samples = audio.decode(&self.limits)?;
        self.metrics.took(Phase::Decode, start.elapsed());
        Ok(samples)
    }

    /// Tells `found` each detection at once, until it returns false or the job is cancelled.
    fn detect_now(
        &self,
        mut detector: Detector,
        samples: &[f32],
        cancellation: &CancellationToken,
        mut found: impl FnMut(Detection) -> bool,
    ) {
        let classifier = Arc::clone(detector.classifier());
        let mut tell_all = |detections: Vec<Detection>| {
            self.count_all(&classifier, &detections);
            detections.into_iter().all(&mut found)
        };
        let mut seconds = samples.chunks(SAMPLE_RATE_HZ as usize);
        if seconds.all(|second| !cancellation.is_cancelled() && tell_all(detector.push(second))) {
            tell_all(detector.finish());
        }
        self.note(detector.take_timing());
    }

    /// Counts detections as accepted predictions.
    fn count_all(&self, classifier: &Classifier, detections: &[Detection]) {
        for detection in detections {
            self.count(classifier, &detection.label, true);
        }
    }

    /// Counts the detections of a piece of sound, and notes the time that they took.
    fn note_piece(&self, detector: &mut Detector, detections: &[Detection]) {
        self.count_all(detector.classifier(), detections);
        self.note(detector.take_timing());
    }

    /// Counts an answer by its label.
    fn count(&self, classifier: &Classifier, label: &str, accepted: bool) {
        let is_of_network = classifier.header().network_labels().iter().any(|known| known == label);
        self.metrics.predicted(if is_of_network { label } else { TAUGHT }, accepted);
    }

    /// Notes the time of front end and network, unless there was too little audio for either.
    fn note(&self, timing: Timing) {
        for (phase, time) in [(Phase::Features, timing.features), (Phase::Network, timing.network)] {
            if !time.is_zero() {
                self.metrics.took(phase, time);
            }
        }
    }
}

/// The length of 16 kHz samples.
fn seconds(samples: &[f32]) -> f32 {
    samples.len() as f32 / SAMPLE_RATE_HZ as f32
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, num::NonZeroUsize, sync::mpsc as threads};

    use sc_model::Backend;
    use tokio::task::yield_now;

    use super::*;
    use crate::{Capacity, ModelSource};

    /// Returns a recogniser with the model that is compiled in.
    pub fn recogniser(capacity: &Capacity) -> Arc<Recogniser> {
        let model = Model::load(ModelSource { file: None, words: None, backend: Backend::Native }).unwrap();
        let (pool, metrics) = (Pool::new(capacity, |_| ()), Arc::new(Metrics::new()));
        Arc::new(Recogniser::new(Arc::new(model), capacity.audio.clone(), pool, metrics))
    }

    #[actix_web::test]
    async fn steps_that_nobody_waits_for_any_more_leave_their_place() {
        let recogniser = recogniser(&Capacity { workers: NonZeroUsize::MIN, ..Capacity::default() });
        let client = Client::of_address(Ipv4Addr::LOCALHOST.into());
        let [place, others] = [(); 2].map(|()| recogniser.pool.places().take(&client).unwrap());
        let audio = Audio::Samples { samples: vec![0.0; 16_000], rate_hz: SAMPLE_RATE_HZ };
        let steps = recogniser.detect_in_steps(place, audio, DetectorConfig::default()).await.unwrap();

        // Another has the only worker, so that the detection has not begun.
        let (finish, finished) = threads::channel::<()>();
        let other = recogniser.pool.run(others, move |_| finished.recv());
        let left = async {
            drop(steps);
            for _ in 0..100 {
                yield_now().await;
            }
            let n_held = recogniser.pool.places().n_held();
            finish.send(()).unwrap();
            n_held
        };

        assert_eq!(tokio::join!(other, left).1, 1, "one place is the other's");
    }
}
