//! Just enough JSON to read what cargo says about itself.

/// A JSON value; numbers are kept as `f64`, which is exact for everything cargo and criterion write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// The member called `key`; `Null` if there is none.
    pub(crate) fn get(&self, key: &str) -> &Value {
        match self {
            Value::Object(members) => members
                .iter()
                .find(|(name, _)| name == key)
                .map_or(&Value::Null, |(_, value)| value),
            _ => &Value::Null,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(string) => Some(string),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements; none if this is not an array.
    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// The members; none if this is not an object.
    pub(crate) fn members(&self) -> &[(String, Value)] {
        match self {
            Value::Object(members) => members,
            _ => &[],
        }
    }
}

/// Parses one value; `None` if the text is not JSON.
pub(crate) fn parse(text: &str) -> Option<Value> {
    let mut parser = Parser {
        text: text.as_bytes(),
        at: 0,
    };
    let value = parser.value()?;
    parser.space();
    (parser.at == parser.text.len()).then_some(value)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn eat(&mut self, token: &str) -> Option<()> {
        self.text[self.at..]
            .starts_with(token.as_bytes())
            .then(|| self.at += token.len())
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        match self.text.get(self.at)? {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => self.string().map(Value::String),
            b't' => self.eat("true").map(|()| Value::Bool(true)),
            b'f' => self.eat("false").map(|()| Value::Bool(false)),
            b'n' => self.eat("null").map(|()| Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Option<Value> {
        let mut members = Vec::new();
        self.eat("{")?;
        self.space();
        if self.eat("}").is_some() {
            return Some(Value::Object(members));
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.eat(":")?;
            members.push((key, self.value()?));
            self.space();
            if self.eat(",").is_none() {
                self.eat("}")?;
                return Some(Value::Object(members));
            }
        }
    }

    fn array(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        self.eat("[")?;
        self.space();
        if self.eat("]").is_some() {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.space();
            if self.eat(",").is_none() {
                self.eat("]")?;
                return Some(Value::Array(items));
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        let part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        while self.text.get(self.at).is_some_and(part) {
            self.at += 1;
        }
        str::from_utf8(&self.text[start..self.at])
            .ok()?
            .parse()
            .ok()
            .map(Value::Number)
    }

    fn string(&mut self) -> Option<String> {
        self.eat("\"")?;
        let mut bytes = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(bytes).ok(),
                b'\\' => {
                    let escape = *self.text.get(self.at)?;
                    self.at += 1;
                    let char = match escape {
                        b'n' => '\n',
                        b't' => '\t',
                        b'r' => '\r',
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        // Half of a pair stands for a character that no path of ours has.
                        b'u' => char::from_u32(self.hex()?).unwrap_or(char::REPLACEMENT_CHARACTER),
                        other => char::from(other),
                    };
                    bytes.extend(char.encode_utf8(&mut [0; 4]).bytes());
                }
                byte => bytes.push(byte),
            }
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_value_is_read() {
        let value =
            parse(r#" {"a": [1, -2.5e1, true, null], "b": {"c": "x\n\"\u00e9"}} "#).unwrap();
        assert_eq!(value.get("a").items()[1].as_f64(), Some(-25.0));
        assert_eq!(value.get("a").items()[3], Value::Null);
        assert_eq!(value.get("b").get("c").as_str(), Some("x\n\"é"));
        assert_eq!(value.get("none").get("none"), &Value::Null);
        assert_eq!(value.members().len(), 2);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "[1,]", "{\"a\" 1}", "1 2", "\"open", "truth"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
