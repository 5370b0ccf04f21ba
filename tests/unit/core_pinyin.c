/* Chinese by how it is read: tokens, cutting of what is typed, finding it again in a name. */
#include "unit.h"

#include "core/search/pinyin.h"
#include "core/search/tokens.h"

static void tokens_are(const char *name, const char *want)
{
    struct buf folded = BUF_INIT(4096), out = BUF_INIT(4096);
    tokens_fold(str_of(name), &folded);
    pinyin_tokens(buf_str(&folded), &out);
    assert_text(buf_str(&out), want);
    buf_free(&folded);
    buf_free(&out);
}

static void names_get_tokens(void **state)
{
    (void)state;
    tokens_are("华为", "huawei hw wei ");
    tokens_are("華為技術", "huawei hwjs weiji wjs jishu js shu ");
    tokens_are("Acme 华为", "huawei hw wei ");
    tokens_are("华", "hua ");
    tokens_are("华,为", "hua wei ");
    tokens_are("Acme", "");
    /* Two readings: both pairs, and the other first letters where they differ. */
    tokens_are("曾国", "cengguo zengguo cg zg guo ");
    tokens_are("重庆", "zhongqing chongqing zq cq qing ");
    /* Two such characters: every mixture, or "zhanghang" would not be found by its first letters.
     */
    tokens_are("长行", "zhangxing zhanghang changxing changhang zx cx zh ch xing hang ");
}

static void simplified_and_traditional(void **state)
{
    (void)state;
    struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);
    tokens_fold(STR("龍騰機電貿易"), &a);
    tokens_fold(STR("龙腾机电贸易"), &b);
    assert_true(str_eq(buf_str(&a), buf_str(&b)));
    buf_free(&a);
    buf_free(&b);
}

static void cut_first(const char *word, const char *want)
{
    struct pinyin_cut cuts[PINYIN_CUTS];
    struct buf out = BUF_INIT(256);
    if (pinyin_cuts(str_of(word), cuts))
        for (size_t i = 0; i < cuts[0].n; i++) {
            buf_add_str(&out, cuts[0].syllable[i]);
            buf_add_char(&out, ' ');
        }
    assert_text(buf_str(&out), want);
    buf_free(&out);
}

static void typed_words_are_cut(void **state)
{
    (void)state;
    cut_first("huaweijishu", "hua wei ji shu ");
    cut_first("huaweijis", "hua wei ji s ");
    cut_first("fangangongsi", "fang an gong si ");
    cut_first("lvyou", "lv you ");
    cut_first("acmetools", "");
    cut_first("hw2", "");
    cut_first("", "");
    /* 方案 and 反感: both ways are tried. */
    struct pinyin_cut cuts[PINYIN_CUTS];
    assert_true(pinyin_cuts(STR("fanganjia"), cuts) >= 2);
    assert_true(pinyin_is_syllable(STR("zhuang")));
    assert_false(pinyin_is_syllable(STR("zhuan2")));
    assert_false(pinyin_is_syllable(STR("zhua1")));
    assert_false(pinyin_is_syllable(STR("zh")));
    assert_true(pinyin_are_initials(STR("hwjs")));
    assert_false(pinyin_are_initials(STR("huwj")));
}

static void found_in(const char *name, const char *query, int from, int to)
{
    struct buf folded = BUF_INIT(4096);
    size_t a = 0, b = 0;
    tokens_fold(str_of(name), &folded);
    bool found = pinyin_find(buf_str(&folded), str_of(query), &a, &b);
    assert_int_equal(found, to > from);
    if (found) {
        assert_int_equal(a, from);
        assert_int_equal(b, to);
    }
    buf_free(&folded);
}

static void found_again_in_names(void **state)
{
    (void)state;
    found_in("苏州华为技术", "huawei", 2, 4);
    found_in("苏州华为技术", "hwjs", 2, 6);
    found_in("苏州华为技术", "huaweij", 2, 5);
    found_in("苏州华为技术", "hwjishu", 2, 6);
    found_in("重庆", "chongq", 0, 2);
    found_in("重庆", "zq", 0, 2);
    found_in("西安", "xi'an", 0, 2);
    found_in("绿源", "lvyuan", 0, 2);
    found_in("张伟", "zhang wei", 0, 2);
    found_in("苏州A华为", "zhoua", 0, 0); /* letters of a name are no reading */
    found_in("苏州华为", "huawai", 0, 0);
    found_in("Acme", "acme", 0, 0);
    found_in("", "a", 0, 0);
    found_in("啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊",
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 0, 0);
    found_in("南南南南南南南南南南南南南南南南南南南南南南南南南南南南",
             "nanannananannanannananannananannanannx", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_get_tokens), cmocka_unit_test(simplified_and_traditional),
        cmocka_unit_test(typed_words_are_cut), cmocka_unit_test(found_again_in_names)};
    return cmocka_run_group_tests_name("core_pinyin", tests, NULL, NULL);
}
