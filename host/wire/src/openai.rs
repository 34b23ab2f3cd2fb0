//! The shapes of OpenAI's API for images, as far as Easel speaks it.

use serde::{Deserialize, Serialize};

/// `POST /openai/v1/images/generations`. Other fields that the backend has a param for are passed to it, the rest is passed over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImageRequest {
    /// What the picture is to show.
    pub prompt: String,
    /// A backend, or `BACKEND/MODEL`; OpenAI's own names and null stand for the default backend.
    pub model: Option<String>,
    /// How many pictures; null: one.
    pub n: Option<u32>,
    /// `WIDTHxHEIGHT` in pixels; `auto` and null: what the backend makes.
    pub size: Option<String>,
    /// How pictures are handed over; null: in the answer.
    pub response_format: Option<ResponseFormat>,
    /// Whom the caller acts for.
    pub user: Option<String>,
    /// Whether the answer is a stream of events.
    pub stream: Option<bool>,
    /// How many previews a stream may have, 0 to 3; null: none.
    pub partial_images: Option<u8>,
}

/// How pictures are handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// In the answer.
    #[default]
    B64Json,
    /// By their addresses.
    Url,
}

/// Pictures that were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Images {
    /// When they were made: seconds since 1970.
    pub created: i64,
    /// The pictures.
    pub data: Vec<Image>,
    /// `png`, `jpeg` or `webp`; absent if they are not all of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_format: Option<String>,
    /// `WIDTHxHEIGHT` of the first, in pixels; absent if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The job that made them.
    pub job_id: uuid::Uuid,
}

/// A picture: one of the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// Its bytes, as base64.
    B64Json(String),
    /// Its address.
    Url(String),
}

/// What a stream says: each under the event of its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type")]
pub enum ImageEvent {
    /// Where the job stands. OpenAI has no such event; its clients hand it to the caller as it is.
    #[serde(rename = "easel.progress")]
    Progress {
        /// The job.
        job_id: uuid::Uuid,
        /// Its place in line, the next to start being 1; 0 when it runs.
        queue_position: u64,
        /// Percent.
        progress: u8,
        /// What is being done, in the backend's words; null if it says nothing.
        #[cfg_attr(feature = "schema", schema(required))]
        stage: Option<String>,
    },
    /// The work so far.
    #[serde(rename = "image_generation.partial_image")]
    Partial {
        /// The picture, as base64.
        b64_json: String,
        /// Which one: 0, 1, 2.
        partial_image_index: u8,
        /// Seconds since 1970.
        created_at: i64,
        /// `png`, `jpeg` or `webp`.
        output_format: String,
    },
    /// A picture that is done.
    #[serde(rename = "image_generation.completed")]
    Completed {
        /// The picture, as base64.
        b64_json: String,
        /// Seconds since 1970.
        created_at: i64,
        /// `png`, `jpeg` or `webp`.
        output_format: String,
    },
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Failure {
    /// Why.
    pub error: FailureDetail,
}

/// What a [`Failure`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FailureDetail {
    /// For people.
    pub message: String,
    /// `invalid_request_error` if another request would help, else `server_error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The field that it is about; null if it is about none.
    #[cfg_attr(feature = "schema", schema(required))]
    pub param: Option<String>,
    /// For programs: the kind of problem, such as `wrong-value`.
    pub code: String,
}

/// `GET /openai/v1/models`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Models {
    /// Always `list`.
    pub object: String,
    /// What a request may name.
    pub data: Vec<Model>,
}

/// What a request may name as its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Model {
    /// Its name.
    pub id: String,
    /// Always `model`.
    pub object: String,
    /// 0: nobody knows when it was made.
    pub created: i64,
    /// Always `easel`.
    pub owned_by: String,
}
