#!/usr/bin/env python3
"""Makes the files of tokenizers, with the library `tokenizers`:

  tokenizer_corpus.txt  the text that the byte-pair encoding is trained on: one document
  tokenizer_bpe.json    byte-level BPE of 700 tokens and two special ones, as the library writes it
  tokenizer_old.json    the same as files of GPT-2's time have it: merges as "a b", no type, specials not in the end
  tokenizer_chars.json  a BPE without merges whose tokens are characters
  tokenizer_cases.json  texts, and their ids by the three: [{"text", "bpe", "bpe_special", "old", "chars"}]; "bpe" as if
                        there were no special tokens, "chars" null for texts with characters it does not know
"""

import json
import os

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY, SPECIALS = 700, ["<|endoftext|>", "<|mask|>"]

SENTENCES = [
    "The quick brown fox jumps over the lazy dog; the dog doesn't mind, it's asleep.\n",
    "We'll see whether they've read what I'd written, or they're still waiting: you'm, he'd, she'll.\n",
    "In 1969, on July 20th, 2 men walked 3,400 metres from 0.5 to 12:34.\n",
    "for (int i = 0; i < count; i++) {\n\tsum += values[i] * 0x1f;\n}\r\n",
    "Les élèves naïfs ont mangé une crème brûlée à l'hôtel. Füße, Straße, øre, año, İstanbul.\n",
    "Привет, мир! Съешь же ещё этих мягких французских булок.\n",
    "敏捷的棕色狐狸跳过了懒狗。東京都は日本の首都です。안녕하세요 세계.\n",
    "مرحبا بالعالم ١٢٣ שלום עולם हिन्दी में ½ ² Ⅷ.\n",
    "Emoji: 😀 👍🏽 👨‍👩‍👧 🇩🇪 ❤️ and so on...   three spaces,\u00a0no break,\u2003em space.\n\n\n",
    "e\u0301 a\u0308 are letters with marks; so is Z\u0351\u036b\u0343.\n",
    "http://example.com/path?query=1&other=two#part user@example.com --option=value $HOME\n",
]

TEXTS = [
    "", " ", "  ", "\n", "\r\n", "\t \n", "a", " a", "a ", "  a  b   c    d", "Hello, world!", "hello world hello world",
    "don't we'll they've I'd you're he's I'm DON'T WE'LL 'tis 'sup", "it''s 's's'll'llama", "' s ' t '", "1234567890 12 345.678 ½²Ⅷ ١٢٣",
    "line one\nline two\r\nline three\r\n\r\n  indented\n\n\n", "tabs\t\tand\u00a0no-break\u2003em\u3000wide\u0085next\u180evowel",
    "naïve café e\u0301 Z\u0351\u036b\u0343 ñ", "敏捷的棕色狐狸 東京都 안녕하세요 한국어", "Привет, мир! Ёж", "مرحبا بالعالم שלום हिन्दी",
    "😀😀 👍🏽 👨‍👩‍👧 🇩🇪 ❤️ \U0010ffff\ufeff", "\u0001\u0002\u007f\u0080\u009f\u00ad\u200b\u2028\u2029", "a" * 100, "ab" * 60 + " " * 40 + "!" * 40,
    "<|endoftext|>", "one<|endoftext|>two <|mask|> three<|mask|><|mask|>", "<|endoftext|", "<|mask|>|endoftext|>",
    "for (i = 0; i < 10; i++) { x[i] += 'c'; }\n\treturn x;", "http://example.com/?q=%20&r=1#x", "ĠĊ Ġthe Ã©",
]


def train(text):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator([text], trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False))
    return t


def add_specials(t):
    t.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIALS])
    return t


def with_characters(text):
    t = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(set(text)))}, []))
    t.decoder = decoders.Fuse()
    return add_specials(t)


def as_of_old(t):
    whole = json.loads(t.to_str())
    model = whole["model"]
    model["vocab"] = {token: (id + 1 if id >= 300 else id) for token, id in model["vocab"].items()}
    model["vocab"][SPECIALS[0]] = 300
    whole["added_tokens"] = [dict(whole["added_tokens"][0], id=300)]
    model["merges"] = [" ".join(pair) for pair in model["merges"]]
    for name in ("type", "byte_fallback", "ignore_merges"):
        del model[name]
    model["continuing_subword_prefix"] = model["end_of_word_suffix"] = ""
    whole["post_processor"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    return Tokenizer.from_str(json.dumps(whole)), whole


def write(name, text):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), "w", encoding="utf-8", newline="") as f:
        f.write(text)


def main():
    corpus = "".join(SENTENCES[i % len(SENTENCES)] for i in range(0, 7 * len(SENTENCES), 3)) + "".join(SENTENCES[:4]) * 2
    plain, old_json, characters = train(corpus), None, with_characters(corpus)
    special = add_specials(Tokenizer.from_str(plain.to_str()))
    old, old_json = as_of_old(special)
    known = set(corpus)
    cases = []
    for text in TEXTS:
        case = {"text": text, "bpe": plain.encode(text).ids, "bpe_special": special.encode(text).ids}
        case["old"] = old.encode(text).ids
        case["chars"] = characters.encode(text).ids if set(text) <= known else None
        assert special.decode(case["bpe_special"], skip_special_tokens=False) == text
        cases.append(case)
    write("tokenizer_corpus.txt", corpus)
    write("tokenizer_bpe.json", special.to_str(pretty=True))
    write("tokenizer_old.json", json.dumps(old_json, ensure_ascii=True))
    write("tokenizer_chars.json", characters.to_str(pretty=True))
    write("tokenizer_cases.json", "[" + ",\n".join(json.dumps(case) for case in cases) + "]\n")


if __name__ == "__main__":
    main()
