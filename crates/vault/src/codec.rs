//! Persisted records: structs whose encoding is their fields in order, as in `salus-types`, but without `Debug`,
//! because some name patients.

/// Declares persisted records.
macro_rules! record {
    ($($(#[$meta:meta])* pub(crate) struct $name:ident { $($(#[$field_meta:meta])* $field:ident : $type:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq)]
        pub(crate) struct $name { $($(#[$field_meta])* pub(crate) $field: $type),* }

        impl commonware_codec::Write for $name {
            fn write(&self, buf: &mut impl bytes::BufMut) {
                $(commonware_codec::Write::write(&self.$field, buf);)*
            }
        }
        impl commonware_codec::EncodeSize for $name {
            fn encode_size(&self) -> usize {
                0 $(+ commonware_codec::EncodeSize::encode_size(&self.$field))*
            }
        }
        impl commonware_codec::Read for $name {
            type Cfg = ();
            fn read_cfg(buf: &mut impl commonware_codec::Buf, _: &()) -> Result<Self, commonware_codec::Error> {
                Ok(Self { $($field: <$type as commonware_codec::Read>::read_cfg(buf, &())?),* })
            }
        }
    )*};
}

pub(crate) use record;
