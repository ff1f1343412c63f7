//! Reads the labels of `switch` arms back from the tokens: Rhai keeps only their hashes, which tell 1 from 1.0 and
//! cannot be turned into conditions of ours.

use super::At;
use crate::value::Value;
use rhai::Token;
use rust_decimal::Decimal;

/// What an arm answers to; an arm without labels is the default.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Label {
    Value(Value),
    Range { from: Decimal, to: Decimal, inclusive: bool },
}

/// The labels of each arm of the switch that stands at a place, or why they cannot be read.
pub(super) fn labels(tokens: &[(Token, At)], at: At) -> Result<Vec<Vec<Label>>, String> {
    let start = tokens.iter().position(|(token, place)| *token == Token::Switch && *place == at);
    let mut rest = start.map_or(&[][..], |start| &tokens[start + 1..]).iter().map(|(token, _)| token);
    skip_subject(&mut rest);
    let mut arms = Vec::new();
    let mut pending: Vec<&Token> = Vec::new();
    let mut depth = 0_usize;
    for token in rest {
        match token {
            Token::LeftBrace | Token::LeftParen | Token::LeftBracket | Token::MapStart => {
                depth += 1;
                pending.push(token);
            }
            Token::RightBrace if depth == 0 => break,
            Token::RightBrace => {
                depth -= 1;
                if depth == 0 {
                    pending.clear();
                }
            }
            Token::RightParen | Token::RightBracket => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            Token::Comma => pending.clear(),
            Token::DoubleArrow => {
                arms.push(arm(&pending)?);
                pending.clear();
            }
            other => pending.push(other),
        }
    }
    Ok(arms)
}

fn skip_subject<'a>(rest: &mut impl Iterator<Item = &'a Token>) {
    let mut depth = 0_usize;
    for token in rest {
        match token {
            Token::LeftBrace if depth == 0 => return,
            Token::LeftBrace | Token::LeftParen | Token::LeftBracket | Token::MapStart => depth += 1,
            Token::RightBrace | Token::RightParen | Token::RightBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
}

fn arm(tokens: &[&Token]) -> Result<Vec<Label>, String> {
    let end = tokens.iter().position(|token| **token == Token::If).unwrap_or(tokens.len());
    if tokens[..end] == [&Token::Underscore] {
        return Ok(Vec::new());
    }
    tokens[..end].split(|token| **token == Token::Pipe).map(label).collect()
}

fn label(tokens: &[&Token]) -> Result<Label, String> {
    let unread = || "the label of a switch is a text, a number, a range, true, false or ()".to_owned();
    let range = tokens.iter().position(|token| matches!(token, Token::ExclusiveRange | Token::InclusiveRange));
    if let Some(middle) = range {
        let (Some(from), Some(to)) = (number(&tokens[..middle]), number(&tokens[middle + 1..])) else {
            return Err(unread());
        };
        return Ok(Label::Range { from, to, inclusive: *tokens[middle] == Token::InclusiveRange });
    }
    if let Some(number) = number(tokens) {
        return Ok(Label::Value(Value::Decimal(number)));
    }
    Ok(Label::Value(match tokens {
        [Token::StringConstant(text)] => Value::text(text),
        [Token::CharConstant(character)] => Value::text(&character.to_string()),
        [Token::True] => Value::Bool(true),
        [Token::False] => Value::Bool(false),
        [Token::Unit] => Value::Null,
        _ => return Err(unread()),
    }))
}

fn number(tokens: &[&Token]) -> Option<Decimal> {
    match tokens {
        [Token::IntegerConstant(number)] => Some(Decimal::from(*number)),
        [Token::DecimalConstant(number)] => Some(number.0),
        [Token::Minus | Token::UnaryMinus, number] => self::number(&[*number]).map(|number| -number),
        _ => None,
    }
}
