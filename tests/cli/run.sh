#!/bin/sh
# The command `tacit`: exact stdout, stderr and exit code.
#   run.sh TACIT          TACIT: the built command
# Ends with "N checks, M failed".
set -u
. "$(dirname "$0")/checks.sh"

# ---- help ------------------------------------------------------------------------------------------------------
version=$("$tacit" --version)
expect 0 "$(cat "$here/help.txt")" '' --help
expect 0 "$(cat "$here/help.txt")" '' -h
expect 2 '' "$(cat "$here/help.txt")"
expect 0 "$(cat "$here/help_eval.txt")" '' eval --help
expect 0 "$(cat "$here/help_eval.txt")" '' eval -h run --limit 3
expect 0 "$(cat "$here/help_resume.txt")" '' resume --help
expect 0 "$version" '' --version
holds 'the version is a version' expr "$version" : 'tacit [0-9]*\.[0-9]*\.[0-9]*$' >/dev/null
for command in train embed cluster anomaly info methods encoders bench; do
    ok $command --help
    holds "$command --help begins with its usage" grep -q "^usage: tacit $command " got.out
done
ok train --help
holds 'train --help has defaults and units' grep -q '^  --checkpoint-minutes X      time between checkpoints' got.out
holds 'train --help has the options of the first method' grep -q '^  --mask-ratio X  .*(default 0\.[0-9]*)$' got.out
ok train --method simclr --help
holds 'train --help has the options of the method that is named' grep -q '^simclr$' got.out
holds 'and not those of another' sh -c '! grep -q mask-ratio got.out'

# ---- words that are not known ------------------------------------------------------------------------------------
expect 2 '' 'tacit: trian: no such command; did you mean train?
tacit: see `tacit --help`' trian
expect 2 '' 'tacit: zzz: no such command
tacit: see `tacit --help`' zzz
expect 2 '' 'tacit: --verbose: no such command
tacit: see `tacit --help`' --verbose
expect 2 '' 'tacit: --bacth: no such option; did you mean --batch?
tacit: see `tacit train --help`' train --method mae --bacth 3
expect 2 '' 'tacit: --jsno: no such option; did you mean --json?
tacit: see `tacit methods --help`' methods --jsno
expect 2 '' 'tacit: -x: no such option
tacit: see `tacit methods --help`' methods -x
expect 2 '' 'tacit: --no-such: no such option
tacit: see `tacit methods --help`' methods --no-such
expect 2 '' 'tacit: unknown method "simclar": did you mean simclr?' train data -o run --method simclar
expect 2 '' 'tacit: encoder is no method to train with, but what an encoder of another program is opened as: see `tacit methods`' \
    train data -o run --method encoder
ok encoders
expect 2 '' 'tacit: --encoder vit-nanp: expected one of vit-nano, vit-micro, vit-tiny, vit-small, vit-base, vit-large, resnet-10, resnet-18, resnet-50, mlp, gpt-nano, gpt-micro, gpt-small, bert-nano, bert-micro, bert-small or auto; did you mean vit-nano?' \
    train data -o run --method mae --encoder vit-nanp

# ---- words that are missing or too many ----------------------------------------------------------------------------
expect 2 '' 'tacit: train: --method is missing: one of mae, denoise, autoencode, next-word, masked-word, simclr, moco, barlow, vicreg
tacit: see `tacit train --help`' train data -o run
expect 2 '' 'tacit: train: -o RUN is missing: the folder to leave the run in
tacit: see `tacit train --help`' train data --method mae
expect 2 '' 'tacit: train: DATA is missing: files, folders or patterns to learn from
tacit: see `tacit train --help`' train -o run --method mae
expect 2 '' 'tacit: --epochs: its value is missing
tacit: see `tacit train --help`' train data -o run --method mae --epochs
expect 2 '' 'tacit: --epochs: its value is missing
tacit: see `tacit train --help`' train data -o run --method mae --epochs --quiet
expect 2 '' 'tacit: resume: too few arguments: tacit resume RUN [options]
tacit: see `tacit resume --help`' resume
expect 2 '' 'tacit: eval: too few arguments: tacit eval RUN DATA... [options]
tacit: see `tacit eval --help`' eval run
expect 2 '' 'tacit: info: one argument too many, "b": tacit info RUN|FILE [options]
tacit: see `tacit info --help`' info a b
expect 2 '' 'tacit: embed: -o FILE is missing: out.npy, out.csv, or - for stdout
tacit: see `tacit embed --help`' embed run data
expect 2 '' 'tacit: embed: -o out.txt: expected a name that ends in .npy or .csv, or --format
tacit: see `tacit embed --help`' embed run data -o out.txt
expect 2 '' 'tacit: cluster: too few arguments: tacit cluster RUN DATA... [-k N] [-o FOLDER] [options]
tacit: see `tacit cluster --help`' cluster run
expect 2 '' 'tacit: anomaly: --normal and --all-classes exclude each other
tacit: see `tacit anomaly --help`' anomaly run data --normal 1 --all-classes
expect 2 '' 'tacit: anomaly: --masks and --all-classes exclude each other
tacit: see `tacit anomaly --help`' anomaly run data --masks white --all-classes
expect 2 '' 'tacit: embed: -o - is written as CSV only
tacit: see `tacit embed --help`' embed run data -o - --format npy

# ---- values ------------------------------------------------------------------------------------------------------
expect 2 '' 'tacit: --batch 0: expected a whole number from 2 to 16777216 or auto' train data -o run --method mae --batch 0
expect 2 '' 'tacit: --lr nan: expected a number from 0 to 1e+06 or auto' train data -o run --method mae --lr=nan
expect 2 '' 'tacit: --threads 2x: expected a whole number from 0 to 1024
tacit: see `tacit eval --help`' eval run data --threads 2x
expect 2 '' 'tacit: --temperature nan: expected a number from 0.0001 to 1000
tacit: see `tacit eval --help`' eval run data --temperature nan
expect 2 '' 'tacit: --memory 3Q: expected a size such as 300M or 2G
tacit: see `tacit resume --help`' resume run --memory 3Q
expect 2 '' 'tacit: --memory 9000000T: expected a size such as 300M or 2G
tacit: see `tacit resume --help`' resume run --memory 9000000T
expect 2 '' 'tacit: unknown bench row "mae-tiny23": did you mean mae-tiny32?' bench --rows mae-tiny23
expect 2 '' 'tacit: --format xls: expected one of npy, csv
tacit: see `tacit embed --help`' embed run data -o out --format xls
expect 2 '' 'tacit: --groups 0: expected a whole number from 1 to 1000000, or auto
tacit: see `tacit cluster --help`' cluster run data -k 0
expect 2 '' 'tacit: --groups 3x: expected a whole number from 1 to 1000000, or auto
tacit: see `tacit cluster --help`' cluster run data -k 3x
expect 2 '' 'tacit: --false-alarms 1: expected a number from 1e-06 to 0.999999
tacit: see `tacit anomaly --help`' anomaly run data --false-alarms 1
expect 2 '' 'tacit: --score distance: expected one of neighbours, mahalanobis, prediction
tacit: see `tacit anomaly --help`' anomaly run data --score distance
expect 2 '' 'tacit: --json maybe: expected true or false
tacit: see `tacit methods --help`' methods --json=maybe
expect 2 '' 'tacit: --no-json takes no value
tacit: see `tacit methods --help`' methods --no-json=true

# ---- lists -------------------------------------------------------------------------------------------------------
ok methods
holds 'methods has mae' grep -qx 'mae         self-prediction: hide most patches .*(masked autoencoder, He et al. 2022)' got.out
holds 'methods has denoise' grep -qx 'denoise     self-prediction: restore damaged pictures (.*, Vincent et al. 2008)' got.out
holds 'methods has autoencode' \
    grep -qx 'autoencode  self-prediction: predict the whole picture from a code .*Salakhutdinov 2006)' got.out
holds 'methods has simclr' grep -qx 'simclr      contrastive: two views .*(Chen et al. 2020)' got.out
holds 'methods has moco' grep -qx 'moco        contrastive: two views .*(He et al. 2020)' got.out
holds 'methods has barlow' grep -qx 'barlow      contrastive: two views .*(Zbontar et al. 2021)' got.out
holds 'methods has vicreg' grep -qx 'vicreg      contrastive: two views .*(Bardes et al. 2022)' got.out
cp got.out methods.out
expect 0 "$(cat methods.out)" '' methods --json --no-json
ok methods --json
holds 'methods --json has mae' grep -q '^{"name":"mae","family":"self-prediction","summary":".*"}$' got.out
ok encoders
holds 'encoders has vit-tiny' grep -qx 'vit-tiny    vision transformer, 192 wide, 12 blocks, 3 heads' got.out

# ---- data and runs that are not there ------------------------------------------------------------------------------
mkdir empty
echo 'no pictures' >text
expect 1 '' 'tacit: nowhere: cannot open: No such file or directory' train nowhere -o run --method mae
expect 1 '' 'tacit: empty: no pictures found in this folder (looked for JPEG, PNG, WebP, by content)' \
    train empty -o run --method mae
expect 1 '' 'tacit: nowhere: neither a run nor a model: there is no config.json' info nowhere
expect 1 '' 'tacit: nowhere: neither a run nor a model: there is no config.json' resume nowhere
expect 1 '' 'tacit: empty: neither a run nor a model: there is no config.json' eval empty text
expect 1 '' 'tacit: empty: neither a run nor a model: there is no config.json' embed empty text -o -
holds 'a run that failed before it began leaves no folder' test ! -e run

# ---- the whole way, on pictures made here: 40 of 8 x 8, the bytes of this script; two labels ------------------------
number() {
    printf '\0\0\0'
    printf "\\$(printf %o "$1")"
}
mkdir tiny
{ printf '\0\0\010\003' && number 40 && number 8 && number 8 && head -c 2560 "$here/run.sh"; } >tiny/train-images-idx3-ubyte
{ printf '\0\0\010\001' && number 40 && for i in 1 2 3 4 5 6 7 8 9 10; do printf '\0\1\1\0'; done; } >tiny/train-labels-idx1-ubyte
set -- --method mae --encoder vit-nano --readout mean --patch 2 --batch 8 --samples 2

cat >want.train <<'EOF'
data     40 pictures of 8 x 8, grey (idx); labels are not used
method   mae, encoder vit-nano, epochs 2, batch 8, seed 1
epoch 1/2
epoch 2/2
model    run/model
samples  run/samples
next     tacit eval run tiny
EOF
ok train tiny -o run "$@" --epochs 2 --json
sed 's/  loss .*//' got.err >got.train
holds 'train says what it does, a line at each epoch'\''s end, and what is next' cmp want.train got.train
holds 'train --json is one object a step' test "$(grep -c '^{"step":[0-9]*,"steps":10,.*}$' got.out)" = 10
holds 'an epoch'\''s last step tells of the embeddings that are measured then' \
    test "$(grep -c '"step":\(5\|10\),.*"spread":0\.[0-9]*,"effective_rank":[0-9.]*,"epoch_end":true' got.out)" = 2
holds 'and so does the line at its end' test "$(grep -c '^epoch ./2 .* spread 0\.[0-9]*  effective rank [0-9.]*$' got.err)" = 2
holds 'and the metrics' test "$(grep -c '"step": \(5\|10\),.*"spread": 0\.[0-9]*, "effective_rank": [0-9.]*}' run/metrics.jsonl)" = 2
holds 'train leaves a model and sheets' test -f run/model/model.safetensors -a -f run/model/config.json -a \
    -f run/metrics.jsonl -a -f run/config.json -a -f run/samples/views.png
expect 1 '' 'tacit: run holds a run already: choose another folder, go on with `tacit resume run`, or say --overwrite' \
    train tiny -o run "$@" --epochs 2
expect 1 '' 'tacit: run holds a run already: choose another folder, go on with `tacit resume run`, or say --overwrite' \
    train nowhere -o run "$@" --epochs 2
expect 1 '' 'tacit: text/run: cannot be the folder of a run: text is not a folder' train nowhere -o text/run "$@"
expect 0 '' '' train tiny -o run "$@" --epochs 2 --overwrite --quiet --threads 1
# Options that are understood but do not suit the data: not wrong usage.
expect 1 '' 'tacit: --batch 80 is more than the 40 examples of the data' train tiny -o two "$@" --batch 80 --quiet
expect 1 '' 'tacit: --patch 3 does not divide --size 8' train tiny -o two "$@" --patch 3 --quiet
expect 0 '' 'model    run/model
samples  run/samples
next     tacit eval run tiny' resume run

ok train tiny -o bound "$@" --max-steps 1 --memory 1G
holds 'a bound that bounds nothing is said' grep -qx -e '--memory changes nothing for mae: .*' got.err
holds 'and otherwise it is not' test "$(grep -c 'changes nothing' got.train)" = 0

ok info run
sed 's/^pixels .*/pixels/; s/[0-9,]* in the encoder/N in the encoder/; s/^parameters  [0-9,]*, /parameters  N, /' got.out >got.info
cat >want.info <<EOF
method      mae (self-prediction)
encoder     vit-nano, readout mean
pictures    8 x 8 x 1, patches of 2
pixels
embedding   128 numbers
parameters  N, of them N in the encoder
data        40 examples of tiny, augmented as small-grey
training    10 steps of 2 epochs done, batch 8, seed 1
state       complete
made by     $version
EOF
holds 'info says what the run is' cmp want.info got.info
cp got.out info.out
expect 0 "$(cat info.out)" '' info run/model/model.safetensors
ok info run --json
holds 'info --json is one object' grep -q '^{"version":.*"method":"mae",.*"dimension":128,.*"complete":true}$' got.out

# Ctrl-C after the first step, then on to the same bits as without.
"$tacit" train tiny -o whole "$@" --max-steps 80 --epochs 40 --quiet || holds 'a run of 80 steps' false
"$tacit" train tiny -o parts "$@" --max-steps 80 --epochs 40 --json --threads 1 >steps 2>got.err &
running=$!
while ! grep -q '"step":2,' steps && kill -0 $running; do :; done
kill -INT $running
wait $running
holds 'Ctrl-C returns 1' test $? = 1
holds 'Ctrl-C says how to go on' test "$(tail -n 1 got.err)" = 'tacit: saved; go on with: tacit resume parts'
ok info parts
holds 'a run that was stopped is unfinished' grep -qx 'state       unfinished' got.out
expect 0 '' '' resume parts --quiet --threads 2
holds 'a run that was stopped comes to the same bits' cmp parts/model/model.safetensors whole/model/model.safetensors

# ---- using it -----------------------------------------------------------------------------------------------------
expect 0 '' 'out.csv: 40 embeddings of 128 numbers' embed run tiny -o out.csv
ok embed run tiny -o -
holds 'embed to stdout is what is in the file' cmp got.out out.csv
holds 'embed has a head and a row for each example' test "$(wc -l <out.csv)" = 41
holds 'embed begins with names' grep -q '^name,label,e0,e1,.*,e127$' out.csv
expect 0 '' '' embed run tiny -o out.npy --quiet
holds 'out.npy has its header and 40 x 128 numbers' test "$(wc -c <out.npy)" = $((128 + 40 * 128 * 4))
expect 0 '' '' embed run tiny -o out --format npy --quiet
holds '--format npy is the same file' cmp out out.npy
ok embed run tiny -o - --limit 3
holds 'embed --limit' test "$(wc -l <got.out)" = 4

ok eval run tiny
holds 'eval holds a fifth out' grep -qx 'accuracy, per cent: trained on 32 examples, tested on 8, 2 classes' got.out
holds 'eval has a row for kNN with the baselines' grep -qE '^kNN( +[0-9]+\.[0-9]){3}$' got.out
holds 'eval has a row for one label a class' grep -qE '^1 label a class( +[0-9]+\.[0-9] \+- [0-9]+\.[0-9]){3}$' got.out
holds 'eval ends with a verdict' grep -q '^Beside raw pixels this model is .*\.$' got.out
ok eval run tiny --quick
holds 'eval --quick has the model only' grep -qE '^kNN +[0-9]+\.[0-9]$' got.out
ok eval run tiny --json --test tiny/train-images-idx3-ubyte
holds 'eval --json is one object; --test is the test set' \
    grep -q '^{"train_examples":40,"test_examples":40,"classes":2,.*"untrained":{.*}}$' got.out

# ---- a table made here: 60 rows, two columns of numbers with gaps, one of texts, a group and a label -----------------
awk 'BEGIN {
    print "id,x,y,colour,kind"
    for (i = 0; i < 60; i++)
        printf "g%d,%s,%.2f,%s,%s\n", i / 2, i % 9 ? i % 7 : "", (i % 2) * 3 + (i * 37 % 11) / 10, i % 3 ? "red" : "sky",
            i % 2 ? "odd" : "even"
}' >table.csv
set -- --method simclr --label kind --group id --batch 16 --epochs 2
ok train table.csv -o rows "$@"
holds 'train says that these are rows' grep -qx 'data     60 rows of 4 columns (csv); labels are not used' got.err
holds 'rows have no sheets' test -z "$(ls rows/samples)"
holds 'the columns are in config.json' grep -q '"named": true' rows/model/config.json
ok info rows
holds 'info says that these are rows' grep -qx 'rows        4 columns of a table' got.out
holds 'info says which encoder was chosen' grep -qx 'encoder     mlp' got.out
ok eval rows table.csv
holds 'eval takes the label of the training' grep -qE '^linear probe( +[0-9]+\.[0-9]){3}$' got.out
holds 'eval compares with the columns' grep -q '^Beside raw columns this model is ' got.out
ok eval rows table.csv --json
holds 'eval --json too' grep -q '"raw_columns":{' got.out
cut -d, -f2-4 table.csv | awk -F, '{ print $3 "," $2 "," $1 }' >turned.csv
ok embed rows table.csv -o - --quiet
cut -d, -f3- got.out >want.rows
ok embed rows turned.csv -o - --quiet
cut -d, -f3- got.out >got.rows
holds 'columns in another order, without label and group, are the same rows' cmp want.rows got.rows
holds 'embed gives a row for each' test "$(wc -l <got.rows)" = 61
ok resume rows
cut -d, -f2,4,5 table.csv >less.csv
expect 1 '' 'tacit: the data have no column "y" of values, which the model was trained with' \
    embed rows less.csv -o less.npy --quiet
expect 1 '' 'tacit: the model was trained with rows of a table, but the data are pictures' embed rows tiny -o tiny.npy --quiet
expect 1 '' 'tacit: the model was trained with pictures, but the data are rows of a table' eval run table.csv --label kind --quiet
expect 1 '' 'tacit: table.csv: no column "kin" for --label: expected one of its names, or 1 to 5' \
    train table.csv -o not --method simclr --label kin --quiet
expect 1 '' 'tacit: vit-nano takes pictures, but the data are rows of a table: use mlp' \
    train table.csv -o not "$@" --encoder vit-nano --quiet
expect 1 '' 'tacit: mlp takes rows of a table, but the data are pictures: use a vit' \
    train tiny -o not --method simclr --encoder mlp --quiet
expect 1 '' 'tacit: --size is for pictures, but the data are rows of a table' train table.csv -o not "$@" --size 32 --quiet
expect 1 '' 'tacit: --corrupt is for rows of a table, but the data are pictures' \
    train tiny -o not --method simclr --corrupt 0.5 --quiet
for method in 'moco --queue 32' barlow vicreg; do
    expect 0 '' '' train table.csv -o "rows-${method%% *}" --method $method --label kind --group id --batch 16 --epochs 1 --quiet
done
for method in mae denoise 'autoencode --code 2'; do
    expect 0 '' '' train table.csv -o "rows-${method%% *}" --method $method --label kind --group id --batch 16 --epochs 1 --quiet
    ok embed "rows-${method%% *}" table.csv -o rows.npy --quiet
done
ok eval rows-autoencode table.csv
holds 'a code of rows stands beside their components' grep -q 'from as many principal components: [0-9]' got.out
ok compare table.csv --label kind -o row-report --methods mae,simclr --steps 3 --batch 16 --sample 20 --quiet
holds 'methods are compared on tables' test -s row-report/report.html
ok cluster rows table.csv -k 2 -o row-groups
holds 'cluster compares with the columns' grep -qE '^ +this model +raw columns$' got.out
holds 'rows have no sheet' test "$(ls row-groups)" = groups.csv
ok anomaly rows table.csv --fit table.csv --normal even -o row-odd --quiet
holds 'anomaly leaves scores of rows' test "$(wc -l <row-odd/scores.csv)" = 61
grep -E 'kind|even' table.csv >even.csv
ok anomaly rows table.csv --fit even.csv --normal even --quiet --json
holds 'labels of two files are matched by name' grep -q '"fitted":24' got.out
ok map rows table.csv -o row-map
holds 'a map of rows has points' test "$(ls row-map | tr '\n' ' ')" = 'map.csv pca.png points.png '
ok search rows table.csv --all --json
holds 'search of rows beside their columns' grep -q '"raw_columns":{' got.out
ok search rows table.csv --row 3 -k 2 --quiet
ok train table.csv -o rows-pairs "$@" --positives group
ok train table.csv -o rows-again "$@" --positives group --threads 1
holds 'pairs from groups have the same bits' cmp rows-pairs/model/model.safetensors rows-again/model/model.safetensors
holds 'and are others than those from views' test -n "$(cmp rows/model/model.safetensors rows-pairs/model/model.safetensors)"
ok train tiny -o tiny-both --method simclr --positives both --epochs 1 --samples 0 --batch 16
holds 'train says that labels make pairs' grep -q 'labels say which make pairs$' got.err
expect 1 '' 'tacit: --positives group: the data name no groups: expected --group COLUMN' \
    train table.csv -o not --method simclr --label kind --positives group --quiet
expect 1 '' 'tacit: --positives group: mae makes no pairs' train tiny -o not --method mae --positives group --quiet
cp even.csv row-even.csv
echo '1,2' >>table.csv
expect 1 '' 'tacit: table.csv: line 62 has 2 fields: expected 5, as line 1 has' train table.csv -o not "$@" --quiet
holds 'nothing is left of what did not begin' test ! -e not

# ---- methods that restore whole pictures ----------------------------------------------------------------------------
small='--encoder vit-nano --readout mean --patch 2 --batch 8 --samples 2 --epochs 1 --quiet'
expect 0 '' '' train tiny -o code --method autoencode --code 5 $small
ok info code
holds 'the code is the embedding' grep -qx 'embedding   5 numbers' got.out
ok embed code tiny -o - --limit 3
holds 'embed gives the code' grep -q '^name,label,e0,e1,e2,e3,e4$' got.out
ok eval code tiny
holds 'eval of a code has principal components beside it' grep -qE '^kNN( +[0-9]+\.[0-9]){4}$' got.out
holds 'and says what is lost by both' grep -qE '^Test pictures made again from 5 numbers, mean square error of a pixel \(0 to 1\): 0\.[0-9]{5}; from as many principal components: 0\.[0-9]{5}\.$' got.out
ok eval code tiny --quick
holds 'eval --quick of a code has no components' grep -qE '^kNN +[0-9]+\.[0-9]$' got.out
holds 'but its own error' grep -qE '\(0 to 1\): 0\.[0-9]{5}\.$' got.out
ok eval code tiny --json
holds 'eval --json of a code' \
    grep -q '^{.*"reconstruction":0\.[0-9]*,"components":{"knn":.*},"components_reconstruction":0\.[0-9]*}$' got.out
expect 0 '' '' train tiny -o wide --method autoencode --code 65 $small
ok eval wide tiny
holds 'a code longer than the pictures has no components beside it' grep -qE '^kNN( +[0-9]+\.[0-9]){3}$' got.out
expect 0 '' '' train tiny -o damaged --method denoise --damage grey,blur,scale,noise,pepper,holes $small
holds 'denoise leaves a sheet' test -f damaged/samples/epoch-0001.png
expect 0 '' '' train tiny -o damaged2 --method denoise --damage grey,blur,scale,noise,pepper,holes $small --threads 1
holds 'every damage is the same for any number of threads' cmp damaged/model/model.safetensors damaged2/model/model.safetensors
expect 1 '' 'tacit: damage "noise,hole": "hole" is none of grey, blur, scale, noise, pepper, holes' \
    train tiny -o none --method denoise --damage noise,hole $small
expect 1 '' 'tacit: --damage-noise-min 0.5 is above --damage-noise-max 0.3' \
    train tiny -o none --method denoise --damage-noise-min 0.5 $small
expect 1 '' 'tacit: --decoder-width 20: expected a multiple of 16' \
    train tiny -o none --method autoencode --decoder-width 20 $small
holds 'what can not be trained leaves no folder' test ! -e none

# ---- residual networks ----------------------------------------------------------------------------------------------
small='--encoder resnet-10 --width 0.125 --batch 16 --samples 2 --epochs 1 --quiet'
expect 0 '' '' train tiny -o residual --method simclr $small
ok info residual
holds 'info names the encoder' grep -q '^encoder     resnet-10' got.out
holds 'a share of the width' grep -qx 'embedding   64 numbers' got.out
expect 0 '' '' embed residual tiny -o one.npy --quiet
expect 0 '' '' embed residual tiny -o two.npy --quiet --threads 1
holds 'the same bits for another number of threads' cmp one.npy two.npy
expect 0 '' '' embed residual tiny -o three.npy --quiet --limit 3
ok eval residual tiny
holds 'an untrained residual network beside the trained one' grep -qE '^kNN( +[0-9]+\.[0-9]){3}$' got.out
ok cluster residual tiny -k 2
expect 0 '' '' train tiny -o views8 --method simclr --size 12 --view-size 8 $small
holds 'views of another size than that of use' \
    test "$(grep -cE '"(size": "12|view-size": "8)"' views8/config.json)" = 2
losses() { sed 's/.*"loss": \([^,]*\),.*"gradient_norm": \([^,]*\),.*/\1 \2/' "$1/metrics.jsonl"; }
holds 'they are learnt from as pictures of their size are' test "$(losses views8)" = "$(losses residual)"
expect 0 '' '' embed views8 tiny -o two.npy --quiet
holds 'and embedded in the size of use' sh -c '! cmp -s one.npy two.npy'
rank() { tail -n 1 "$1/metrics.jsonl" | sed 's/.*"effective_rank": //'; }
holds 'and measured in it while it learns' test "$(rank views8)" != "$(rank residual)"
expect 1 '' 'tacit: --view-size 12: expected at most --size, 8' train tiny -o none --method simclr --view-size 12 $small
expect 1 '' 'tacit: --view-size 8: simclr of vit-nano sees pictures of --size 12 only: expected a resnet and a contrastive method' \
    train tiny -o none --method simclr --size 12 --view-size 8 --quiet
expect 1 '' 'tacit: --view-size 64: resnet-10 begins in another way for --size 96: expected both up to 64, or both above' \
    train tiny -o none --method simclr --size 96 --view-size 64 $small
expect 0 '' '' train tiny -o following --method moco --queue 32 $small
expect 1 '' 'tacit: mae hides patches from the encoder, which resnet-10 can not do: use a vit' \
    train tiny -o none --method mae --encoder resnet-10 --quiet
expect 1 '' 'tacit: resnet-10 has no class token: expected --readout mean or grid2 to grid4' \
    train tiny -o none --method simclr --readout class $small

# ---- groups and odd ones out --------------------------------------------------------------------------------------
ok cluster run tiny -k 3 -o groups
holds 'cluster says what there is' grep -qx '40 examples in 3 groups' got.out
holds 'cluster has the agreement beside raw pixels' grep -qE '^NMI +0\.[0-9]{3} +0\.[0-9]{3}$' got.out
holds 'groups.csv has a head and a row for each example' test "$(wc -l <groups/groups.csv)" = 41
holds 'groups.csv names, labels, groups' grep -qE '^"train-images-idx3-ubyte:0",0,[0-2],[01]\.[0-9]+$' groups/groups.csv
holds 'group 0 is the largest' test "$(grep -c ',0,[0-9.]*$' groups/groups.csv)" -ge "$(grep -c ',2,[0-9.]*$' groups/groups.csv)"
holds 'groups.png is there' test -s groups/groups.png
cp groups/groups.csv one.csv
ok cluster run tiny -k 3 -o groups --threads 1 --json
holds 'cluster --json is one object' grep -qE '^\{"examples":40,"groups":3,"silhouette":null,.*"raw_pixels":\{.*\}\}$' got.out
holds 'groups have the same bits for another number of threads' cmp one.csv groups/groups.csv
ok cluster run tiny --most 5
holds 'cluster chooses the number of groups' grep -qE '^40 examples in [2-5] groups, chosen from 2 to 5 by the largest mean silhouette, 0\.[0-9]{3}$' got.out
expect 1 '' 'tacit: 41 groups of 40 examples: expected no more groups than examples' cluster run tiny -k 41 --quiet
expect 1 '' 'tacit: text: cannot create folder: File exists' cluster run tiny -k 2 -o text/groups --quiet

ok map run tiny -o flat
holds 'map has both maps measured' grep -qE '^trustworthiness( +0\.[0-9]{3}){2}$' got.out
holds 'map.csv has a head and a row for each example' test "$(wc -l <flat/map.csv)" = 41
holds 'map.csv has the places' grep -qE '^"train-images-idx3-ubyte:0",0(,-?[0-9.e-]+){4}$' flat/map.csv
holds 'map leaves its pictures' test -s flat/map.png -a -s flat/points.png -a -s flat/pca.png
cp flat/map.csv one.csv
ok map run tiny -o flat --threads 1 --json
holds 'map --json is one object' grep -qE '^\{"examples":40,"perplexity":13\.0,"neighbours":12,"tsne":\{.*\},"pca":\{.*\}\}$' got.out
holds 'a map has the same bits for another number of threads' cmp one.csv flat/map.csv
ok map run tiny --limit 6 --quiet
holds 'a map too small to be measured says so' grep -qx 'Too few examples to measure the map by 12 neighbours.' got.out
expect 1 '' 'tacit: map of 4 examples: expected 5 or more' map run tiny --limit 4 --quiet
expect 2 '' "tacit: --perplexity 0.5: expected a number from 1 to 10000
tacit: see \`tacit map --help\`" map run tiny --perplexity 0.5 --quiet

ok anomaly run tiny -o odd
holds 'anomaly without --fit compares the data with themselves' \
    grep -qx '40 examples beside 40 normal ones, which are themselves: threshold above all but a share of 0.01' got.out
holds 'anomaly ranks ten' test "$(grep -c '  near train-images-idx3-ubyte:' got.out)" = 10
holds 'scores.csv has a head and a row for each example' test "$(wc -l <odd/scores.csv)" = 41
holds 'scores.csv begins with the oddest' test "$(sed -n 2p odd/scores.csv | cut -d, -f2 | tr -d '"')" = \
    "$(sed -n 's/^  1 .*  \(train[^ ]*\)  near.*/\1/p' got.out)"
holds 'oddest.png is there' test -s odd/oddest.png
cp odd/scores.csv one.csv
ok anomaly run tiny -o odd --threads 1
holds 'scores have the same bits for another number of threads' cmp one.csv odd/scores.csv
ok anomaly run tiny --fit tiny --split train --normal 1 --neighbours 3 --score mahalanobis --json
holds 'anomaly --json is one object; --normal selects, a fifth is held out' \
    grep -qE '^\{"examples":40,"fitted":16,"held_out":4,"score":"mahalanobis",.*"auroc":[01]\.[0-9]+,.*\]\}\]\}$' got.out
expect 1 '' 'tacit: --normal seven: the data have no such label' anomaly run tiny --normal seven --quiet
expect 1 '' 'tacit: 40 normal examples (0 held out): too few for 40 neighbours, expected at least 41 fitted' \
    anomaly run tiny --neighbours 40 --quiet
expect 1 '' 'tacit: 20 normal examples (4 held out): too few for 17 neighbours, expected at least 17 fitted' \
    anomaly run tiny --fit tiny --normal 1 --split train --neighbours 17 --quiet

# ---- search, same or different, who is it ----------------------------------------------------------------------------
ok search run tiny --row 3 -k 4 --index tiny.idx -o found
holds 'search has a line for each result' test "$(grep -cE '^ +[1-4] .*  train-images-idx3-ubyte:[0-9]+$' got.out)" = 4
holds 'a query does not find itself' test "$(grep -cE '^ +[1-4] .*ubyte:3$' got.out)" = 0
holds 'search leaves a table' test "$(wc -l <found/results.csv)" = 5
holds 'search leaves a sheet' test -s found/results.png
cp got.out one.out
ok search run tiny --row 3 -k 4 --index tiny.idx --threads 1
tail -n +3 one.out >one.tail
tail -n +3 got.out >two.tail
holds 'an index finds the same again' cmp one.tail two.tail
ok search run tiny --all --json
holds 'search --all --json is one object' grep -qE '^\{"examples":40,"queries":40,"left_out":0,"k":10,.*"untrained":\{.*\}\}$' got.out
expect 1 '' 'tacit: --neighbours 40: there are 39 examples to find' search run tiny --row 3 -k 40 --quiet
expect 1 '' 'tacit: --row 40: the data have 40 examples, counted from 0' search run tiny --row 40 --quiet
expect 1 '' 'tacit: tiny.idx: the index holds 40 examples, the data 39: make it anew' \
    search run tiny --row 3 --limit 39 --index tiny.idx --quiet
"$tacit" search code tiny --row 3 --index tiny.idx --quiet 2>got.err
holds 'the index of another model is refused' grep -q '^tacit: tiny.idx: the index of another model ' got.err
"$tacit" search run tiny --quiet 2>got.err
holds 'search without a question is wrong usage' test $? = 2

printf 'one.png,two.png,1\none.png,none.png,0\n' >pairs.csv
cp groups/groups.png one.png
cp odd/oddest.png two.png
expect 1 '' 'tacit: pairs.csv:2: none.png: there is no such picture' verify run pairs.csv --quiet
printf 'one.png,two.png\none.png,one.png\n' >pairs.csv
expect 1 '' 'tacit: pairs.csv: does not say which pairs are the same: expected a third column of 0 or 1, or --threshold' \
    verify run pairs.csv --quiet
ok verify run pairs.csv --threshold 0.999 -o answers.csv
holds 'a picture is the same as itself' grep -qE '^same +1\.0000  one.png  one.png$' got.out
holds 'verify leaves the answers' grep -qE '^"one.png","one.png",,(1|0\.999999[0-9]*),1$' answers.csv
expect 1 '' 'tacit: pairs from labels: the data have 2 labels: expected 4 or more' \
    verify run tiny --pairs-from-labels 10 --quiet
expect 1 '' 'tacit: the gallery has no labels: there are no names to give' identify run one.png tiny --quiet
ok identify run tiny tiny -o who.csv
holds 'all are known to themselves' grep -qE '^rank 1 +1\.000 +1\.000 +1\.000$' got.out
holds 'identify leaves all answers' test "$(wc -l <who.csv)" = 41
ok identify run tiny tiny --quick --json
holds 'identify --json is one object' grep -qE '^\{"probes":40,"gallery":40,"labels":2,"known":40,.*\]\}$' got.out

# A metric learnt from groups: eight of five pictures; DATA need none.
awk 'BEGIN { for (i = 0; i < 40; i++) print "train-images-idx3-ubyte:" i "," i % 8 }' >groups.csv
expect 1 '' 'tacit: fit: 2 groups of two examples or more: expected at least 4, to learn from some and measure on others' \
    verify run pairs.csv --threshold 0.5 --fit tiny --quiet
expect 1 '' 'tacit: fit: the examples have no labels and no groups: nothing tells which belong together' \
    verify run pairs.csv --threshold 0.5 --fit one.png --quiet
fitted='^fitted to 40 examples of 8 groups; shrinkage [0-9.]+, for an equal error rate of 0\.[0-9]{3} over 4 folds of them$'
ok verify run pairs.csv --threshold 0.999 --fit tiny --group groups.csv
holds 'verify says what was fitted' grep -qE "$fitted" got.out
holds 'a picture is the same as itself by a metric' grep -qE '^same +1\.0000  one.png  one.png$' got.out
cp one.png three.png
cp two.png four.png
printf 'one.png,two.png,0\none.png,one.png,1\nthree.png,four.png,0\nthree.png,three.png,1\n' >pairs.csv
ok verify run pairs.csv --folds 2 --fit tiny --group groups.csv --threads 1
holds 'verify says how it is without the fit' grep -qE \
    '^this model without the fit: accuracy [01]\.[0-9]{3} \+- [01]\.[0-9]{3}, equal error rate [01]\.[0-9]{3}, AUROC [01]\.[0-9]{3}$' got.out
cp got.out one.out
ok verify run pairs.csv --folds 2 --fit tiny --group groups.csv --threads 3
holds 'a metric has the same bits for another number of threads' cmp one.out got.out
ok verify run pairs.csv --folds 2 --fit tiny --group groups.csv --quick --json
holds 'verify --json has the fit' grep -qE \
    '"fit":\{"examples":40,"left_out":0,"groups":8,"by":"group","folds":4,.*"shared_labels":0,"raw_fitted":false\},"model_without_fit":\{' got.out
for label in a b c d; do
    mkdir -p "four/$label"
    cp one.png two.png "four/$label"
done
ok verify run four --pairs-from-labels 4 --folds 2 --fit four --threads 1
holds 'labels are groups where there are no others' grep -q '^fitted to 8 examples of 4 labels; ' got.out
holds 'labels of the pairs that are fitted are said' grep -qx \
    'fit: 4 of its labels are among those compared: what is measured on these was not unseen' got.err
ok identify run tiny tiny --fit tiny --group groups.csv
holds 'identify says what was fitted' grep -qE "$fitted" got.out
holds 'all are known to themselves by a metric' grep -qE '^rank 1 +1\.000 +1\.000 +1\.000$' got.out
holds 'identify says how it is without the fit' grep -qx 'this model without the fit: rank 1 1.000, rank 5 1.000' got.out
holds 'labels that are not unseen are said' grep -qx \
    'fit: 2 of its labels are among those compared: what is measured on these was not unseen' got.err
ok identify run tiny tiny --fit tiny --group groups.csv --quick --json
holds 'identify --json has the fit' grep -qE '"fit":\{"examples":40,.*"shared_labels":2,.*"model_without_fit":\{"rank_1":1\.0,' got.out

ok anomaly run tiny --fit tiny --normal 0 --score prediction -o unpredicted
holds 'anomaly has the error of prediction' grep -qE '^prediction +[0-9.e-]+ +[0-9]+ ' got.out
holds 'and ranks by it' grep -q '^the oddest by prediction' got.out
holds 'and shows where' test -s unpredicted/heat.png
expect 1 '' 'tacit: --score prediction: the model is of a contrastive method, or of none, which predicts nothing' \
    anomaly residual tiny --fit tiny --score prediction --quiet
ok anomaly rows-mae row-even.csv --quiet --json
holds 'rows are predicted too' grep -q '"prediction":{"threshold"' got.out

# ---- odd pixels, in the layout of MVTec AD: pictures of 8 x 8, four pixels of some are odd ------------------------------
# picture FILE BASE64
picture() {
    mkdir -p "$(dirname "$1")"
    printf %s "iVBORw0KGgoAAAANSUhEUgAAAA$2" | base64 -d >"$1"
}
calm=gAAAAICAAAAADhZOFXAAAAKUlEQVR42mNg4BKR0zCycYPRAQxQOooBSqcwQOk8BihdwQClmxigdA8A8xcRgYEaGS8AAAAASUVORK5CYII=
odd=gAAAAICAAAAADhZOFXAAAAMklEQVR42mNg4BKR0zCycYPRAQwg+v//gCgGEP///6gUBrB4VEoeA5SuYIDSTQxQugcAcroUZT5UOiEAAAAASUVORK5CYII=
white=gAAAAICAAAAADhZOFXAAAAEUlEQVR42mNgwAr+/0dnEAAAr5gD/YiRwUkAAAAASUVORK5CYII=
black=gAAAAICAAAAADhZOFXAAAADElEQVR42mNgoA4AAABIAAEQRe/SAAAAAElFTkSuQmCC
small=QAAAAECAAAAACMmsGiAAAADklEQVR42mP4DwQMqAQAn3QP8UYJzckAAAAASUVORK5CYII=
mkdir bare
cp tiny/train-images-idx3-ubyte bare
picture parts/train/good/0.png $calm
picture parts/test/good/0.png $calm
picture parts/test/good/1.png $calm
for i in 0 1 2 3; do
    picture parts/test/crack/$i.png $odd
    picture parts/ground_truth/crack/${i}_mask.png $white
    picture black/crack/${i}_mask.png $black
done
picture parts/test/hole/0.png $odd
picture parts/ground_truth/hole/0_mask.png $white
picture small/crack/0_mask.png $small
picture strange/hole/7_mask.png $white
pixels() {
    folder_of_masks=$1
    shift
    echo "anomaly run parts --fit bare --neighbours 1 --masks $folder_of_masks --quiet $*"
}
ok $(pixels parts/ground_truth --normal good)
holds 'masks measure how well odd pixels are found' \
    grep -qE '^pixels by their error of prediction: AUROC [01]\.[0-9]{3}, AUPR [01]\.[0-9]{3}; 4\.46% of them are odd; 7 pictures, masks of 5$' got.out
ok $(pixels parts/ground_truth --json)
holds 'and so with --json' grep -qE '"pixels":\{"pictures":7,"masked":5,"odd_share":0\.04464[0-9]+,"auroc":[01]\.[0-9]+,"aupr":[01]\.[0-9]+\}\}$' got.out
cp got.out one.out
ok $(pixels parts/ground_truth --json --threads 1)
holds 'with the same bits for another number of threads' cmp one.out got.out
ok $(pixels parts/ground_truth --limit 6 --json)
holds 'of a part of the data, the masks of that part' grep -q '"pixels":{"pictures":6,"masked":4,"odd_share":0.0416' got.out
mkdir mirror
cp -r parts/ground_truth mirror/test
cp -r black mirror/train
ok $(pixels mirror --json)
holds 'masks may lie in parts like the data' grep -q '"masked":5,"odd_share":0.0446' got.out
expect 1 '' 'tacit: mask hole/7_mask.png is of no example: expected one of that name, with or without "_mask"' $(pixels strange)
expect 1 '' 'tacit: mask crack/0_mask.png: 4 x 4 pixels, expected 8 x 8 as test/crack/0.png has' $(pixels small)
expect 1 '' 'tacit: mask 0_mask.png may be of test/crack/0.png or of test/hole/0.png: expected folders in its name that tell' \
    $(pixels parts/ground_truth/crack)
expect 1 '' 'tacit: 4 masks of 7 pictures: no pixel is white, so there is nothing to tell apart' $(pixels black)
expect 1 '' 'tacit: nowhere: cannot open: No such file or directory' $(pixels nowhere)
rm parts/ground_truth/crack/1_mask.png
expect 1 '' 'tacit: the mask of test/crack/1.png is missing: its label "crack" is not the normal one' \
    $(pixels parts/ground_truth --normal good)
ok $(pixels parts/ground_truth)
holds 'without --normal a picture may lack its mask' grep -q '7 pictures, masks of 4$' got.out
expect 1 '' 'tacit: simclr does not predict pictures: to find odd pixels, train on pictures with mae, denoise or autoencode' \
    anomaly residual tiny --masks parts/ground_truth --quiet
expect 1 '' 'tacit: mae does not predict pictures: to find odd pixels, train on pictures with mae, denoise or autoencode' \
    anomaly rows-mae row-even.csv --masks parts/ground_truth --quiet
expect 1 '' 'tacit: row-even.csv: rows of a table have no grey or colour' anomaly run tiny --masks row-even.csv --quiet

# ---- a part of the data ----------------------------------------------------------------------------------------------
ok embed run tiny -o part.csv --only 1 --quiet
holds 'only the examples of a label are kept' test "$(wc -l <part.csv)" = 21
expect 1 '' 'tacit: --only: the data have no label "2"' embed run tiny -o part.csv --only 0,2 --quiet
awk 'BEGIN { for (i = 0; i < 40; i++) print "train-images-idx3-ubyte:" i "," i % 5 }' >groups.csv
ok train tiny -o of-groups --method simclr --group groups.csv --positives group --epochs 1 --samples 0 --batch 16 --quiet
ok resume of-groups --quiet
sed -i 7d groups.csv
expect 1 '' 'tacit: groups.csv: the group of train-images-idx3-ubyte:6 is missing' \
    train tiny -o not --method simclr --group groups.csv --positives group --epochs 1 --quiet

# ---- classifiers -----------------------------------------------------------------------------------------------------
expect 2 '' 'tacit: classify: expected fit or predict, not guess
tacit: see `tacit classify --help`' classify guess
expect 2 '' 'tacit: classify fit: -o HEAD is missing: the folder to leave the classifier in
tacit: see `tacit classify fit --help`' classify fit run tiny
expect 2 '' 'tacit: classify fit: --finetune and --scratch exclude each other
tacit: see `tacit classify fit --help`' classify fit run tiny -o head --finetune --scratch
ok classify --help
holds 'classify --help names both' grep -q '^usage: tacit classify fit RUN DATA... -o HEAD | predict HEAD DATA' got.out
for part in fit predict; do
    ok classify $part --help
    holds "classify $part --help begins with its usage" grep -q "^usage: tacit classify $part " got.out
done
expect 1 '' 'tacit: the data have no labels: expected a folder for each class, a label file beside IDX, or --label COLUMN of a table' \
    classify fit run one.png -o head --quiet
ok classify fit run tiny -o head --quiet
holds 'a linear layer is judged by cross-fitting' grep -qE '^accuracy +[01]\.[0-9]{3}   on 40 examples judged by layers' got.out
expect 1 '' 'tacit: head holds a run already: choose another folder, go on with `tacit resume head`, or say --overwrite' \
    classify fit run tiny -o head --quiet
cp head/model/model.safetensors head.before
ok resume head --quiet
holds 'a linear layer has nothing to go on with' cmp head.before head/model/model.safetensors
ok info head
holds 'and how many classes it tells apart' grep -qx 'classes     2' got.out
holds 'a classifier says what it is' grep -q '^method      classify (supervised)$' got.out
ok embed head tiny -o head.npy --quiet
ok classify predict head tiny -o predicted
holds 'predict measures where there are labels' grep -qE '^accuracy +[01]\.[0-9]{4}   on 40 examples$' got.out
holds 'predict leaves a line for each example' test "$(wc -l <predicted/predictions.csv)" = 41
holds 'and who is taken for whom' test -s predicted/confusion.png -a "$(wc -l <predicted/confusion.csv)" = 3
ok classify predict head tiny --json
holds 'classify predict --json is one object' grep -qE '^\{"examples":40,"measured":40,"strangers":0,"accuracy":.*\]\}\]\}$' got.out
ok classify predict head one.png
holds 'without labels the answers are shown' grep -qE '^[01]\.[0-9]{3} ' got.out
expect 1 '' 'tacit: the model is a run of mae, not a classifier: make one with `tacit classify fit`' \
    classify predict run tiny --quiet
ok classify fit run tiny -o tuned --finetune --epochs 2 --labels 8 --quiet --json
holds 'fit --json is one object' grep -qE '^\{"how":"finetune","learnt_from":12,"classes":2,"judged":4,.*\}$' got.out
ok classify predict tuned tiny
mv tuned/model/classes.json classes.json
expect 1 '' 'tacit: the classifier is not finished: go on with `tacit resume`' classify predict tuned tiny --quiet
ok resume tuned --quiet
holds 'resume finishes a classifier' cmp classes.json tuned/model/classes.json
sed 's/"temperature": [0-9.]*/"temperature": -1/' classes.json >tuned/model/classes.json
expect 1 '' 'tacit: tuned/model/classes.json: not the classes of a classifier: expected a "temperature" above 0' \
    classify predict tuned tiny --quiet
expect 2 '' 'tacit: classify learns from labels: it is a way to use a model (`tacit classify`)' train tiny -o x --method classify

# ---- restoring pictures ----------------------------------------------------------------------------------------------
expect 2 '' 'tacit: restore: -o OUT.png is missing: the file to write
tacit: see `tacit restore --help`' restore run one.png
expect 2 '' 'tacit: restore: -o out.jpg: expected a name that ends in .png
tacit: see `tacit restore --help`' restore run one.png -o out.jpg
expect 2 '' 'tacit: restore: --mask and --damage exclude each other
tacit: see `tacit restore --help`' restore run tiny --mask one.png --damage noise
expect 1 '' 'tacit: mae fills what is hidden: expected a mask, or a picture with transparent places; to remove noise or blur, train with denoise' \
    restore run one.png -o whole.png
expect 1 '' 'tacit: two.png: 412 x 1103 pixels, expected 548 x 219 as the picture has' restore run one.png --mask two.png -o whole.png
ok restore run one.png --mask one.png -o whole.png
holds 'restore leaves a picture' sh -c 'head -c 4 whole.png | grep -q PNG'
expect 1 '' 'tacit: classify does not predict pictures: to restore them, train with denoise, or to fill holes with mae' \
    restore head one.png --mask one.png -o none.png
expect 1 '' 'tacit: mae does not predict pictures: to restore them, train with denoise, or to fill holes with mae' \
    restore rows-mae one.png --mask one.png -o none.png
holds 'what can not be restored leaves nothing' test ! -e none.png
ok restore run tiny --damage holes --strength 0.3 -o shown.png
holds 'restore measures beside a classical filter' grep -qE '^harmonic +[0-9]+\.[0-9]{2}$' got.out
holds 'and shows it' test -s shown.png
ok restore run tiny --damage holes --strength 0.3 --json
holds 'restore --json is one object' grep -qE '^\{"examples":40,"damage":"holes",.*"restored":\{"psnr":.*\}\}$' got.out
expect 1 '' 'tacit: damage: noise of strength 20: expected 0 to 10' restore damaged tiny --damage noise --strength 20 --quiet

# ---- methods compared ------------------------------------------------------------------------------------------------
expect 2 '' 'tacit: compare: -o FOLDER is missing: the folder to leave the report in
tacit: see `tacit compare --help`' compare tiny
expect 1 '' 'tacit: unknown method "simclar": did you mean simclr?' compare tiny -o report --methods mae,simclar --quiet
expect 1 '' 'tacit: compare: mae is named twice' compare tiny -o report --methods mae,mae --quiet
holds 'what can not be compared leaves nothing' test ! -e report
ok compare tiny -o report --methods mae,simclr --steps 4 --batch 8 --sample 20 --quiet
holds 'compare says what it found' grep -qE '^For these data: (mae|simclr) ' got.out
holds 'and where the page is' grep -qx 'report  report/report.html' got.out
holds 'the page is whole' sh -c 'head -1 report/report.html | grep -q "^<!doctype html>" && tail -1 report/report.html | grep -q "</html>$"'
holds 'and needs no other file' sh -c '! grep -qE "(src|href)=\"[^d]" report/report.html'
holds 'a run of each method is left' test -s report/mae/model/model.safetensors -a -s report/simclr/model/model.safetensors
expect 1 '' 'tacit: report/mae holds a run already: choose another folder, go on with `tacit resume report/mae`, or say --overwrite' \
    compare tiny -o report --methods mae,simclr --steps 4 --quiet
cp report/mae/model/model.safetensors before
ok compare tiny -o report --methods mae,denoise --steps 4 --batch 8 --sample 20 --json --overwrite --threads 1 --quiet
holds 'compare --json is one object' sh -c 'test "$(wc -l <got.out)" = 1 && grep -qE "^\\{.*\"findings\":.*\\}$" got.out'
holds 'the same steps give the same model' cmp before report/mae/model/model.safetensors

# ---- a full disk under stdout ----------------------------------------------------------------------------------------
if [ -w /dev/full ]; then
    "$tacit" methods >/dev/full 2>got.err
    holds 'a result that is not written is a failure' test $? = 1
    holds 'and says so' grep -q '^tacit: standard output: ' got.err
fi

# ---- real pictures ---------------------------------------------------------------------------------------------------
if [ -d $fashion ]; then
    ok train $fashion -o real --method simclr --limit 200 --epochs 1 --batch 64 --samples 2 --quiet
    ok eval real $fashion --limit 200 --quick
    holds 'eval finds the test part beside the training part' \
        grep -qx 'accuracy, per cent: trained on 200 examples, tested on 200, 10 classes' got.out
    ok anomaly real $fashion --limit 300 --all-classes
    holds 'anomaly has every class in turn and the mean' test "$(grep -cE '^([0-9]|mean) +0\.[0-9]{4} +0\.[0-9]{4}$' got.out)" = 11
    ok cluster real $fashion --limit 200 -k 10
    holds 'cluster measures its agreement' grep -qE '^accuracy +0\.[0-9]{3} +0\.[0-9]{3}$' got.out
else
    echo "skipped: no Fashion-MNIST in $fashion"
fi

echo "$checks checks, $failed failed"
[ $failed = 0 ]
