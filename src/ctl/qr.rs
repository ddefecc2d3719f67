//! QR codes: reading them from pictures, drawing them on a terminal.

use std::io::BufReader;
use std::path::Path;

use image::{ImageReader, Limits};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::prompt;

/// The largest width and height of a picture in pixels.
const MAX_SIDE: u32 = 16_384;

/// The most memory that decoding a picture may take, in bytes.
const MAX_MEMORY: u64 = 512 << 20;

/// The texts of all QR codes in a picture (PNG, JPEG).
pub(crate) fn read(path: &Path) -> Result<Vec<Zeroizing<String>>, Failure> {
    let name = path.display();
    let refuse = |what: String| {
        Failure::input(
            "NoQrCode",
            what,
            "Give a sharp PNG or JPEG picture of the whole code, such as a screenshot.",
        )
    };
    let file = prompt::open(path)?;
    let picture = || {
        let mut reader = ImageReader::new(BufReader::new(file));
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_MEMORY);
        reader.limits(limits);
        reader.with_guessed_format()?.decode()
    };
    let picture = picture()
        .map_err(|error| refuse(format!("{name} cannot be read: {error}.")))?
        .into_luma8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.into_raw();
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        pixels.get(y * width + x).copied().unwrap_or_default()
    });
    let texts: Vec<_> = prepared
        .detect_grids()
        .iter()
        .filter_map(|grid| grid.decode().ok())
        .map(|(_, text)| Zeroizing::new(text))
        .collect();
    match texts.is_empty() {
        true => Err(refuse(format!("{name} shows no QR code that can be read."))),
        false => Ok(texts),
    }
}

/// A QR code of half-block characters, dark on light whatever the terminal's colours are. `None`
/// for a text that no QR code can hold.
pub(crate) fn draw(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    // Blocks are drawn in the foreground colour, which is light on most terminals.
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    Some(drawn + "\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A picture of the code of `text`, as a browser shows it.
    fn picture(text: &str) -> image::GrayImage {
        let code = QrCode::new(text).unwrap();
        let side = code.width() + 8;
        let dark = |x: u32, y: u32| {
            let (x, y) = ((x / 6) as usize, (y / 6) as usize);
            let inside = |n: usize| (4..side - 4).contains(&n);
            inside(x) && inside(y) && code[(x - 4, y - 4)] == qrcode::Color::Dark
        };
        image::GrayImage::from_fn(side as u32 * 6, side as u32 * 6, |x, y| {
            image::Luma([if dark(x, y) { 0 } else { 255 }])
        })
    }

    #[test]
    fn a_code_is_read_back_from_its_picture() {
        let directory = tempfile::tempdir().unwrap();
        let uri = "otpauth://totp/GitHub:me?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=GitHub";
        for file in ["code.png", "code.jpg", "code.of-another-name"] {
            let path = directory.path().join(file);
            let drawn = path.with_extension(if file.ends_with("jpg") { "jpg" } else { "png" });
            picture(uri).save(&drawn).unwrap();
            std::fs::rename(&drawn, &path).unwrap();
            let texts = read(&path).unwrap();
            assert_eq!(texts.iter().map(|t| t.as_str()).collect::<Vec<_>>(), [uri]);
        }
    }

    #[test]
    fn what_is_no_picture_or_shows_no_code_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.png");
        std::fs::write(&path, b"not a picture").unwrap();
        assert_eq!(read(&path).unwrap_err().name, "NoQrCode");
        image::GrayImage::new(64, 64).save(&path).unwrap();
        assert_eq!(read(&path).unwrap_err().name, "NoQrCode");
        let nothing = read(&directory.path().join("none")).unwrap_err();
        assert_eq!(nothing.name, "Unreadable");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Torn, smeared and covered codes, and files of which bytes were lost or changed.
        #[test]
        fn a_spoilt_picture_is_read_or_refused(
            jpeg: bool,
            stains in prop::collection::vec((0u32..250, 0u32..250, 1u32..60, 1u32..60, any::<u8>()), 0..6),
            shape in (1u32..300, 1u32..300),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            kept in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut drawn = picture("otpauth://totp/me?secret=GEZDGNBVGY3TQOJQ");
            for (left, top, width, height, shade) in stains {
                for (x, y, pixel) in drawn.enumerate_pixels_mut() {
                    if (left..left + width).contains(&x) && (top..top + height).contains(&y) {
                        pixel.0 = [shade];
                    }
                }
            }
            let drawn = image::imageops::crop_imm(&drawn, 0, 0, shape.0, shape.1).to_image();
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(if jpeg { "code.jpg" } else { "code.png" });
            drawn.save(&path).unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            for (at, byte) in changes {
                *at.get_mut(&mut bytes) = byte;
            }
            bytes.truncate(kept.map_or(usize::MAX, |kept| kept.index(bytes.len())));
            std::fs::write(&path, bytes).unwrap();
            if let Err(refusal) = read(&path) {
                prop_assert_eq!(refusal.name, "NoQrCode");
            }
        }
    }

    #[test]
    fn a_drawing_has_two_modules_a_line() {
        let drawn = draw("otpauth://totp/a?secret=GEZDGNBV").unwrap();
        let lines: Vec<_> = drawn.lines().collect();
        assert!(lines.len() * 2 >= lines[0].chars().count());
        assert!(draw(&"x".repeat(5000)).is_none());
    }
}
