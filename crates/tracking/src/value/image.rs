//! What the first bytes of a picture say.

use herdbook_proto::tracking::v1::Image;
use imagesize::{ImageType, blob_size, image_type};

/// Bytes from the start of a picture that are looked at: a JPEG may have as much before its size.
pub(crate) const HEAD: u64 = 1 << 20;

/// Why a picture is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidImage {
    #[error("is no PNG, JPEG, WebP or GIF; log another format as a document")]
    Format,
    #[error("has no width and height in its header; send the whole file")]
    Size,
    #[error("is {found}, not {given}; correct the media type, or leave it out")]
    MediaType { given: String, found: &'static str },
}

/// Notes in `image` what the first bytes of it say: media type, width and height in pixels.
pub(crate) fn describe(image: &mut Image, head: &[u8]) -> Result<(), InvalidImage> {
    let found = match image_type(head) {
        Ok(ImageType::Png) => "image/png",
        Ok(ImageType::Jpeg) => "image/jpeg",
        Ok(ImageType::Webp) => "image/webp",
        Ok(ImageType::Gif) => "image/gif",
        _ => return Err(InvalidImage::Format),
    };
    let size = blob_size(head).map_err(|_| InvalidImage::Size)?;
    let pixels = |length: usize| {
        let length = u32::try_from(length).ok().filter(|length| *length > 0);
        length.ok_or(InvalidImage::Size)
    };
    (image.width, image.height) = (pixels(size.width)?, pixels(size.height)?);
    let content = image.content.get_or_insert_default();
    if !content.media_type.is_empty() && content.media_type != found {
        let given = content.media_type.clone();
        return Err(InvalidImage::MediaType { given, found });
    }
    content.media_type = found.to_owned();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a PNG of 3 by 2 pixels.
    const PNG: &[u8] =
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0\x12\x16\xf1\x4d";
    const GIF: &[u8] = b"GIF89a\x05\0\x04\0\x80\0\0";

    #[test]
    fn type_and_size_are_those_of_the_header() {
        for (head, media_type, size) in [(PNG, "image/png", (3, 2)), (GIF, "image/gif", (5, 4))] {
            let mut image = Image::default();
            describe(&mut image, head).unwrap();
            assert_eq!((image.width, image.height), size);
            assert_eq!(image.content.unwrap().media_type, media_type);
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let mut image = Image::default();
        assert_eq!(
            describe(&mut image, b"%PDF-1.7 and more of it"),
            Err(InvalidImage::Format)
        );
        assert_eq!(describe(&mut image, b""), Err(InvalidImage::Format));
        assert_eq!(describe(&mut image, &PNG[..12]), Err(InvalidImage::Size));
        image.content.get_or_insert_default().media_type = "image/gif".to_owned();
        assert!(matches!(
            describe(&mut image, PNG),
            Err(InvalidImage::MediaType { .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(mut head: Vec<u8>, start in 0..4_usize) {
            let starts: [&[u8]; 4] = [PNG, GIF, b"\xff\xd8\xff\xe0", b"RIFF\x10\0\0\0WEBPVP8 "];
            head.splice(0..0, starts[start].iter().copied());
            let _ = describe(&mut Image::default(), &head);
        }
    }
}
