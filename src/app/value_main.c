/* value_main.c - `patron value`: the table of its commands. */
#include "app/value_tool.h"

#include "app/app.h"

#include <string.h>

/* Reads its own arguments. */
static const struct value_command textbook = {
    .name = "textbook",
    .what = {"Lifetime value as it is taught, from numbers instead of a file",
             "教科书中的终身价值：由数字计算，不读文件"},
    .own = cmd_textbook,
};

static const struct value_command *const commands[] = {
    &value_command_report,  &value_command_summary,  &value_command_fit,  &value_command_predict,
    &value_command_compare, &value_command_simulate, &value_command_at,   &value_command_rfm,
    &value_command_cohort,  &value_command_equity,   &value_command_plot, &textbook,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* `patron value --help` lists what else there is. */
static void list_commands(enum lang lang)
{
    puts(value_say(lang, "\nCommands:", "\n命令："));
    for (int i = 1; i < COMMANDS; i++)
        printf("  patron value %-9s %s\n", commands[i]->name, commands[i]->what[lang]);
    puts(value_say(lang,
                   "\nExit codes: 0 done, 1 the data cannot be used, 2 not understood, "
                   "3 the model must not be trusted.",
                   "\n退出码：0 完成，1 数据不可用，2 无法理解命令，3 模型不可信。"));
}

int cmd_value(int argc, char **argv)
{
    const struct value_command *command = &value_command_report;
    struct value_options o;
    struct value_progress progress;
    for (int i = 1; argc && i < COMMANDS; i++)
        if (strcmp(argv[0], commands[i]->name) == 0)
            command = commands[i];
    int skip = command != &value_command_report;
    if (command->own)
        return command->own(argc - skip, argv + skip);
    int rc = value_options_read(command, argc - skip, argv + skip, &o);
    if (rc)
        return rc;
    if (o.help) {
        value_options_help(command, o.lang);
        if (!skip)
            list_commands(o.lang);
        return 0;
    }
    o.shown = &progress;
    value_progress_start(&progress, o.progress);
    rc = command->run(&o);
    value_progress_end(&progress);
    return rc;
}
