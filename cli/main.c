/* The command `tacit`: finds what is asked for in the table of commands. */
#include "command.h"

#include <string.h>

enum { MANY = 1000000 };

static const command commands[] = {
    {"train", "DATA... -o RUN --method NAME [options]", "learn from unlabelled pictures, tables or texts",
     "Learns from data and leaves a run in the folder RUN: model/, samples/, metrics.jsonl, "
     "config.json,\n"
     "checkpoints/. DATA are files, folders or patterns: pictures (JPEG, PNG, WebP) in folders or tar files, "
     "IDX,\n"
     ".npy. Labels are not used. Ctrl-C finishes the step and saves; `tacit resume RUN` goes on.",
     0, MANY, cmd_train},
    {"resume", "RUN [options]", "go on after a stop or a crash, to the same bits",
     "Goes on from the last checkpoint of RUN, to the same model, bit for bit, as if it had never stopped.",
     1, 1, cmd_resume},
    {"eval", "RUN DATA... [options]",
     "measure a model on labelled data, beside raw pixels and an untrained encoder",
     "Trains simple classifiers on the model's embeddings of labelled DATA and tests them on other examples: "
     "on\n"
     "those of --test; else on the test part of DATA where it has one; else on a fifth that is held out.",
     2, MANY, cmd_eval},
    {"embed", "RUN DATA... -o out.npy|out.csv|- [options]", "turn pictures into vectors",
     "Writes one embedding for each example, in order: .npy (N, D) float32, or .csv with name and label. `-` "
     "is\n"
     "stdout, as CSV.",
     2, MANY, cmd_embed},
    {"search", "RUN DATA QUERY...|--row N|--all [options]", "find the examples nearest to a picture",
     "Finds the examples of DATA whose embeddings are nearest to those of the pictures QUERY, by cosine. "
     "With "
     "--all,\n"
     "the examples ask for each other, and the search is measured beside raw pixels and an untrained "
     "encoder.",
     2, MANY, cmd_search},
    {"verify", "RUN PAIRS|RUN DATA --pairs-from-labels N [options]",
     "same or different? for pairs of pictures",
     "Compares the pictures of each pair by the cosine of their embeddings. PAIRS is a CSV of two picture "
     "files "
     "and\n"
     "1 (same) or 0 (different). How well that tells is measured by folds, the threshold chosen on the other "
     "folds,\n"
     "beside raw pixels and an untrained encoder. With --threshold the third column may be missing.",
     2, 2, cmd_verify},
    {"identify", "RUN GALLERY PROBES [options]", "who is it? names for pictures, from a gallery",
     "Gives each picture of PROBES the label whose examples in GALLERY come nearest, by the cosine of "
     "embeddings.\n"
     "Labels are compared by name; those of PROBES only measure the answers.",
     3, 3, cmd_identify},
    {"cluster", "RUN DATA... [-k N] [-o FOLDER] [options]", "sort examples into groups of alike ones",
     "Groups the examples by k-means on their embeddings (columns standardised, rows of length 1): "
     "k-means++, "
     "the\n"
     "best of several restarts. Labels are not used; where there are any, the groups are compared with them, "
     "beside\n"
     "groups of raw pixels.",
     2, MANY, cmd_cluster},
    {"map", "RUN DATA... [-o FOLDER] [options]", "lay examples out in two dimensions",
     "Places all examples in the plane by t-SNE on the model's embeddings, alike ones together, and "
     "by\ntheir first "
     "two principal components, and says how far each map can be believed.\n",
     2, MANY, cmd_map},
    {"anomaly", "RUN DATA... [--fit NORMAL] [-o FOLDER] [options]", "find the odd ones out",
     "Ranks the examples by how odd they are beside normal ones: by the distance to the nearest of them, and "
     "by\n"
     "Mahalanobis' distance from all of them (covariance shrunk after Ledoit and Wolf). A fifth of NORMAL is "
     "held\n"
     "out for the threshold. Runs of self-prediction also say what they could not predict.",
     2, MANY, cmd_anomaly},
    {"classify", "fit RUN DATA... -o HEAD | predict HEAD DATA... [options]",
     "few labels to a classifier, and what it says of other examples",
     "fit makes a classifier from a run and labelled data; predict uses it.", 0, MANY, cmd_classify},
    {"generate", "RUN [--prompt TEXT | -] [options]", "write texts, word by word",
     "Goes on from a text by a run of next-word, and writes what comes to stdout as it comes. Without a "
     "prompt a "
     "text\n"
     "begins from nothing.",
     1, 2, cmd_generate},
    {"export", "RUN --hf DIR", "write a model for another program",
     "Writes a model as the library transformers of Hugging Face keeps it: a run of next-word as GPT-2, one "
     "of "
     "mae as\n"
     "ViTMAE with its decoder, other vit encoders as ViT, or as DINOv2 where they have --layer-scale. Such a "
     "folder opens\n"
     "here, too.",
     1, 1, cmd_export},
    {"restore", "RUN PICTURE -o OUT.png [--mask M] | RUN DATA... --damage KIND [options]",
     "fill holes in pictures, take out noise, sharpen",
     "Restores a picture by a run of denoise, or fills its holes by one of mae or denoise: where the mask is "
     "white, or\n"
     "the picture transparent; the rest stays as it is. Larger pictures than the model's are done in tiles "
     "that are\n"
     "blended. With --damage, pictures of DATA are damaged, restored, and compared with what they were, "
     "beside\n"
     "classical filters.",
     2, MANY, cmd_restore},
    {"compare", "DATA... -o FOLDER [--methods NAMES] [--minutes N] [options]",
     "which method suits these data? one page that says so",
     "Trains several methods with the same budget, tries every use that the data allow, and writes "
     "FOLDER/report.html,\n"
     "a page that needs no other file: what was found in words, pictures, and all numbers.",
     1, MANY, cmd_compare},
    {"info", "RUN|FILE [options]", "what a run or a model is",
     "Reads a run folder, its model folder, or a model.safetensors file beside its config.json.", 1, 1,
     cmd_info},
    {"methods", "[options]", "what can be learnt, a line each",
     "The methods that `tacit train --method` knows.", 0, 0, cmd_methods},
    {"encoders", "[options]", "what networks there are, a line each",
     "The encoders that `tacit train --encoder` knows.", 0, 0, cmd_encoders},
    {"bench", "[options]", "speed of this machine and of training and embedding on it",
     "Measures the fused multiply-add peak of this machine, then training and embedding steps as a share of "
     "it.",
     0, 0, cmd_bench},
};

static const char *command_name(const void *names, size_t i)
{
    (void)names;
    return i < ROW_COUNT(commands) ? commands[i].name : NULL;
}

static void print_help(FILE *to)
{
    fputs("tacit: learns from unlabelled pictures, and puts to use what it learnt\n\nusage: tacit COMMAND "
          "...\n\n",
          to);
    for (size_t i = 0; i < ROW_COUNT(commands); i++)
        fprintf(to, "  %-10s%s\n", commands[i].name, commands[i].summary);
    fputs("\n`tacit COMMAND --help` lists its options; `tacit --version` prints the version.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage of the command line.\n",
          to);
}

static int fail_unknown(const char *word)
{
    const char *near = word[0] == '-' ? NULL : nearest_name(word, command_name, NULL);
    if (near)
        fprintf(stderr, "tacit: %s: no such command; did you mean %s?\n", word, near);
    else
        fprintf(stderr, "tacit: %s: no such command\n", word);
    fputs("tacit: see `tacit --help`\n", stderr);
    return WRONG_USAGE;
}

static int run_command(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return WRONG_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help(stdout);
        return DONE;
    }
    if (strcmp(word, "--version") == 0) {
        printf("tacit %s\n", tacit_version());
        return DONE;
    }
    for (size_t i = 0; i < ROW_COUNT(commands); i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].main(&commands[i], argc - 2, argv + 2);
    return fail_unknown(word);
}

/* A result that did not reach stdout (a full disk) is a failure. */
int main(int argc, char **argv)
{
    const int code = run_command(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("tacit: standard output");
        return FAILED;
    }
    return code;
}
