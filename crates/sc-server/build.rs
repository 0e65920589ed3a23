//! Compresses what browsers are sent, so that the server has only to send it.

use std::{
    env,
    fs::{self, File},
    io::{self, Cursor, Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

/// Pages of our own.
const FOLDERS: [&str; 1] = ["../../assets/docs"];
/// What of Swagger UI is served, in its archive's folder `dist`.
const SWAGGER_UI: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                compress(&fs::read(&path)?, &out, &format!("{}-{name}", stem(folder)))?;
            }
        }
    }
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for name in SWAGGER_UI {
        let end = format!("/dist/{name}");
        let path = archive.file_names().find(|path| path.ends_with(&end)).map(ToOwned::to_owned);
        let path = path.ok_or_else(|| io::Error::other(format!("Swagger UI has no {name}")))?;
        let mut content = Vec::new();
        archive.by_name(&path)?.read_to_end(&mut content)?;
        compress(&content, &out, &format!("docs-{name}"))?;
    }
    Ok(())
}

/// The last name of a path.
fn stem(folder: &str) -> &str {
    Path::new(folder).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Writes `content` to the folder `out` as `name`.gz.
fn compress(content: &[u8], out: &Path, name: &str) -> io::Result<()> {
    let mut encoder = GzEncoder::new(File::create(out.join(format!("{name}.gz")))?, Compression::best());
    encoder.write_all(content)?;
    encoder.finish()?;
    Ok(())
}
