#!/bin/sh
# The command `tacit` on texts: exact stdout, stderr and exit code.
#   text.sh TACIT          TACIT: the built command
# Ends with "N checks, M failed".
set -u
. "$(dirname "$0")/checks.sh"

# ---- texts that are made here ----------------------------------------------------------------------------------
awk 'BEGIN { srand(1)
    split("the a one red old small green tall young last", first, " ")
    split("cat dog bird river house tree queen sailor road moon", second, " ")
    split("sees finds hears follows leaves loves fears", verb, " ")
    for (i = 0; i < 400; i++)
        printf "%s %s %s %s %s.\n", first[1 + int(10 * rand())], second[1 + int(10 * rand())],
            verb[1 + int(7 * rand())], first[1 + int(10 * rand())], second[1 + int(10 * rand())] }' >story.txt
awk '{ printf "{\"id\": %d, \"head\": \"%s %s\", \"body\": \"%s\", \"about\": \"%s\"}\n", NR, $1, $2, $0, $3 }' \
    story.txt >notes.jsonl
head -n 120 notes.jsonl >some.jsonl
mkdir -p mixed/sea mixed/land
head -n 40 story.txt >mixed/sea/1.txt
tail -n 40 story.txt >mixed/land/1.txt
gzip -c story.txt >story.txt.gz

# ---- next-word -------------------------------------------------------------------------------------------------
small='--window 16 --batch 8 --max-steps 12 --quiet'
ok train story.txt -o words --method next-word --tokenizer chars $small
holds 'a run on texts keeps what a token is' test -f words/model/tokenizer.json -a -f words/tokenizer.json
holds 'and its tokens' test -f words/tokens/train.tokens -a -f words/tokens/validation.tokens
holds 'and no sheets' test -z "$(ls words/samples)"
holds 'the part beside the run is gone' test ! -e words.tokens-part
holds 'the loss of the validation part is measured' grep -q '"validation_loss": [0-9]' words/metrics.jsonl
ok info words
holds 'info says what the model is of' grep -q '^texts       windows of 16 tokens, of [0-9]* different ones$' got.out
ok eval words story.txt
holds 'eval takes what training kept apart' grep -q ': the last 10 %, which training kept apart$' got.out
holds 'and says how well words are predicted' grep -q '^bits per byte *[0-9.]*$' got.out
ok eval words story.txt --part all --json
holds 'eval as JSON' grep -q '^{"texts":1,"bytes":[0-9]*,"tokens":[0-9]*,"share":0.0,"loss":' got.out
ok eval words story.txt.gz --json
cp got.out zipped
ok eval words story.txt --part all --json
holds 'a gzip file is the same text' cmp -s zipped got.out
ok generate words --prompt 'the cat' --tokens 20
holds 'a text comes' test -s got.out
cp got.out once
ok generate words --prompt 'the cat' --tokens 20 --threads 2
holds 'the same text again' cmp -s once got.out
ok generate words --prompt 'the cat' --tokens 20 --echo
holds 'the prompt is written, too' grep -q '^the cat' got.out
ok generate words -n 2 --tokens 5 --json
holds 'a text for each' test "$(grep -c '"text_number":' got.out)" = 2
printf 'the dog' | "$tacit" generate words - --tokens 5 --quiet >piped
holds 'the prompt comes from stdin' test -s piped
ok generate words --prompt 'the cat sees the dog and the bird' --tokens 2
holds 'a prompt that is too long is cut, and that is said' grep -q 'its first 17 do not fit into the window and are cut' got.err
ok train story.txt -o again --method next-word --tokenizer chars $small --threads 2
holds 'the same bits' cmp -s words/model/model.safetensors again/model/model.safetensors
ok train mixed -o bpe --method next-word --vocab 300 --unit line $small
ok train story.txt -o hidden --method masked-word --vocab 300 $small
ok eval hidden story.txt
holds 'hidden words have no bits per byte' test -z "$(grep 'bits per byte' got.out)"
ok train story.txt -o roomy --method masked-word --vocab 4000 $small
ok train story.txt -o roomier --method masked-word --init roomy --batch 8 --max-steps 2 --quiet
ok train story.txt -o raw --method next-word --bytes --tokenizer bytes --positions rotary --dropout 0.1 $small
ok generate raw --tokens 30

ok export words --hf gpt2
ok eval gpt2 story.txt --part validation --json
cp got.out theirs
ok eval words story.txt --json
holds 'what is exported predicts as well' cmp -s theirs got.out
ok train story.txt -o onward --method next-word --init gpt2 --batch 8 --max-steps 2 --lr 0 --last-lr 0 --weight-decay 0 --quiet
ok eval onward story.txt --json
holds 'a training begins from what was exported' cmp -s theirs got.out
ok train story.txt -o further --method next-word --init words --batch 8 --max-steps 2 --quiet
expect 1 '' 'tacit: --window 8: the model to begin from has 16' \
    train story.txt -o x --method next-word --init words --window 8 --quiet
expect 1 '' 'tacit: gpt2/config.json is there already: choose another folder' export words --hf gpt2
expect 1 '' 'tacit: gpt-nano with rotary positions is no GPT-2: expected a run of next-word with learnt positions' export raw --hf x
expect 2 '' 'tacit: export: --hf DIR is missing: the folder to write
tacit: see `tacit export --help`' export words

# ---- embeddings ------------------------------------------------------------------------------------------------
embed='--window 16 --batch 16 --vocab 300 --max-steps 10 --quiet'
ok train notes.jsonl -o pairs --method simclr --field head --pair body --label about $embed
holds "SimCSE's temperature and projector are the defaults of texts" \
    test "$(grep -cE '"(temperature": "0.05|projector-layers": "1)"' pairs/config.json)" = 2
holds 'pairs are the default where there are some' grep -q '"positives": "pair"' pairs/config.json
ok train notes.jsonl -o alone --method vicreg --field body --drop-words 0.2 $embed
holds 'dropout makes views differ' grep -q '"dropout": "0.1"' alone/config.json
ok embed pairs some.jsonl -o vectors.npy
ok eval pairs notes.jsonl --test some.jsonl --draws 1
holds 'beside a bag of words' grep -q 'bag of words' got.out
ok search pairs some.jsonl --row 3 -k 2
holds 'the text stands beside what is found' grep -Eq 'some.jsonl:[0-9]+  [a-z]+ [a-z]+$' got.out
ok cluster pairs some.jsonl -k 3 -o groups
holds 'of each group eight texts are shown' test "$(grep -c '^  .' groups/groups.txt)" = 24
ok map pairs some.jsonl -o map
holds 'texts have no thumbnails' test -f map/points.png -a ! -f map/map.png
ok anomaly pairs some.jsonl -o odd
ok classify fit pairs notes.jsonl --label about -o head --quiet
ok classify predict head some.jsonl --label about -o answers
ok classify fit pairs notes.jsonl --label about -o tuned --finetune --labels 4 --epochs 1 --quiet
ok classify predict tuned some.jsonl --label about -o answers
ok compare some.jsonl --label about --field body --methods next-word,simclr --steps 4 --sample 60 --quiet -o report
holds 'a page for texts' grep -q '120 texts' report/report.html
holds 'bags of words stand beside' grep -q '<th>bags of words</th>' report/report.html
holds 'nothing of pictures is said' sh -c '! grep -qE "pixels|restores pictures" report/report.html'
holds 'the groups are words, and words were written' \
    test "$(grep -c '<pre>' report/report.html)" = 3 -a -s report/next-word/written.txt
holds 'steps were the same for all, not time' grep -q 'the same number of steps' report/report.html
holds 'the map is points' grep -q '<h2>Maps</h2>' report/report.html

# ---- what can not be -------------------------------------------------------------------------------------------
printf 'good \377 bad' >broken.txt
: >empty.txt
expect 1 '' 'tacit: broken.txt: byte 5 (0xff) is not UTF-8: expected a text; --bytes takes any file' \
    train broken.txt -o x --method next-word --quiet
expect 1 '' 'tacit: empty.txt: the file is empty' train empty.txt -o x --method next-word --quiet
expect 1 '' 'tacit: mae does not learn from texts: use next-word, masked-word, or a contrastive method' \
    train story.txt -o x --method mae --quiet
expect 1 '' 'tacit: --encoder vit-nano does not take texts: use gpt-nano or bert-nano' \
    train story.txt -o x --method next-word --encoder vit-nano --quiet
expect 1 '' 'tacit: next-word: in bert-nano a token sees what is to be predicted: use gpt-nano, gpt-micro or gpt-small' \
    train story.txt -o x --method next-word --encoder bert-nano --quiet
expect 1 '' 'tacit: --size is for pictures, but the data are texts' \
    train story.txt -o x --method next-word --size 32 --quiet
expect 1 '' 'tacit: --vocab 100: bpe has 257 tokens or more' \
    train story.txt -o x --method next-word --vocab 100 --quiet
head -c 40 story.txt >short.txt
expect 1 '' 'tacit: the texts to learn from are 37 tokens: expected at least two windows of 128: set a smaller --window, or give more text' \
    train short.txt -o x --method next-word --tokenizer bytes --quiet
holds 'nothing is left of it' test ! -e x -a ! -e x.tokens-part
expect 1 '' 'tacit: notes.jsonl: line 1: there is no field "text"; its fields are "id", "head", "body", "about"' \
    train notes.jsonl -o x --method simclr --quiet
expect 1 '' 'tacit: story.txt: --field names a field of JSON lines, but this is of format text' \
    train story.txt -o x --method simclr --field body --quiet
expect 1 '' 'tacit: --positives pair: the data are no pairs: expected JSON lines and --pair FIELD' \
    train notes.jsonl -o x --method simclr --field body --positives pair --quiet
expect 1 '' 'tacit: simclr does not predict the next word: texts are written by models of next-word' \
    generate pairs --quiet
expect 2 '' 'tacit: generate: "loud": expected - for stdin, or --prompt TEXT
tacit: see `tacit generate --help`' generate words loud
if [ -d "$fashion" ]; then
    expect 1 '' 'tacit: next-word learns from texts, but the data are pictures' \
        train "$fashion" -o x --method next-word --quiet
    expect 1 '' 'tacit: the model was trained with texts, but the data are pictures' embed pairs "$fashion" -o x.npy --quiet
fi
sed 's/"vocab": "[0-9]*"/"vocab": "20"/' words/model/config.json >changed && cp changed words/model/config.json
"$tacit" info words >/dev/null 2>&1
"$tacit" generate words --tokens 1 --quiet >got.out 2>got.err
holds 'a vocabulary that is not that of the weights is refused' test $? = 1

echo "$checks checks, $failed failed"
[ "$failed" = 0 ]
