//! Enums of input values: roles, providers, events. They are generated from the OpenAPI document, where the
//! overlay marks a list with `x-input-enum`.

/// Defines an enum of strings. Parsing an unknown string fails with the list of valid ones.
macro_rules! values {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $($variant:ident = $value:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize,
            ::serde::Deserialize,
        )]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!("`", $value, "`")]
                #[serde(rename = $value)]
                $variant,
            )+
        }

        impl $name {
            /// All values, in the order of the OpenAPI document.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as the API writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[cfg(feature = "server")]
        impl ::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({ "type": "string", "enum": [$($value),+] })
            }
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/values.rs"));

/// All values in one line: `slack, mattermost`.
pub(crate) fn joined<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
