/* Words of an invented company. People and firms that exist are not meant. */
#include "crm/demo/internal.h"

#include <string.h>

const struct demo_good demo_goods[] = {
    {"硬质合金立铣刀 D10", "TL-1010", "刀具 Tools", "支", 168, 58},
    {"车刀片 CNMG120408", "TL-2048", "刀具 Tools", "盒", 420, 61},
    {"深孔钻 12×300", "TL-3012", "刀具 Tools", "支", 680, 64},
    {"丝锥 M8", "TL-4008", "刀具 Tools", "支", 46, 55},
    {"切削液 200 L", "FL-0200", "油液 Fluids", "桶", 2380, 72},
    {"导轨油 20 L", "FL-0320", "油液 Fluids", "桶", 560, 70},
    {"防锈剂 5 L", "FL-0405", "油液 Fluids", "桶", 188, 66},
    {"Deep groove ball bearing 6205", "BR-6205", "轴承 Bearings", "pc", 32, 62},
    {"Angular contact bearing 7210", "BR-7210", "轴承 Bearings", "pc", 265, 65},
    {"直线导轨 HG25", "LM-0025", "传动 Motion", "根", 740, 68},
    {"滚珠丝杠 2510", "LM-2510", "传动 Motion", "根", 1280, 69},
    {"同步带 HTD-8M", "LM-0800", "传动 Motion", "条", 95, 57},
    {"Servo motor 750 W", "LM-0750", "传动 Motion", "pc", 1850, 74},
    {"气缸 SC63×100", "PN-6310", "气动 Pneumatics", "只", 210, 60},
    {"电磁阀 4V210", "PN-4210", "气动 Pneumatics", "只", 78, 56},
    {"快插接头套装", "PN-0012", "气动 Pneumatics", "套", 128, 52},
    {"Hydraulic gear pump", "HY-0031", "液压 Hydraulics", "pc", 1460, 71},
    {"油封 TC 35×52", "HY-3552", "液压 Hydraulics", "只", 9, 48},
    {"数显卡尺 0–150", "ME-0150", "量具 Measuring", "把", 238, 59},
    {"百分表 0–10", "ME-0010", "量具 Measuring", "只", 165, 58},
    {"防静电台垫", "ES-0100", "防护 Safety", "卷", 320, 54},
    {"丁腈手套 100 只", "ES-0200", "防护 Safety", "盒", 42, 63},
    {"刀具修磨", "SV-0001", "服务 Services", "次", 380, 40},
    {"On-site calibration", "SV-0002", "服务 Services", "day", 2600, 45},
};
const size_t demo_ngoods = sizeof demo_goods / sizeof *demo_goods;

const char *const demo_groups[][2] = {
    {"刀具 Tools", "耗材 Consumables"},       {"油液 Fluids", "耗材 Consumables"},
    {"防护 Safety", "耗材 Consumables"},      {"轴承 Bearings", "零部件 Components"},
    {"传动 Motion", "零部件 Components"},     {"气动 Pneumatics", "零部件 Components"},
    {"液压 Hydraulics", "零部件 Components"},
};
const size_t demo_ngroups = sizeof demo_groups / sizeof *demo_groups;

static const char *const places[][2] = {
    {"上海", "上海"}, {"苏州", "江苏"}, {"无锡", "江苏"}, {"常州", "江苏"}, {"南通", "江苏"},
    {"昆山", "江苏"}, {"南京", "江苏"}, {"扬州", "江苏"}, {"徐州", "江苏"}, {"杭州", "浙江"},
    {"宁波", "浙江"}, {"绍兴", "浙江"}, {"嘉兴", "浙江"}, {"温州", "浙江"}, {"台州", "浙江"},
    {"合肥", "安徽"}, {"芜湖", "安徽"}, {"济南", "山东"}, {"青岛", "山东"}, {"烟台", "山东"},
    {"东莞", "广东"}, {"佛山", "广东"}, {"深圳", "广东"}, {"厦门", "福建"}, {"武汉", "湖北"},
    {"长沙", "湖南"}, {"成都", "四川"}, {"重庆", "重庆"}, {"西安", "陕西"}, {"天津", "天津"},
    {"沈阳", "辽宁"}, {"大连", "辽宁"},
};
static const char *const abroad[][2] = {
    {"Singapore", "Singapore"}, {"Penang", "Malaysia"},   {"Hai Phong", "Vietnam"},
    {"Nagoya", "Japan"},        {"Stuttgart", "Germany"}, {"Bergamo", "Italy"},
};
static const char *const firsts[] = {
    "申浦", "甬川", "恒锐", "锡澄", "凌岳", "启迅", "新禾", "通洲", "江岸", "越丰", "海陵",
    "润泽", "远帆", "华瑞", "同舟", "明德", "安泰", "宏图", "永固", "天工", "博远", "精一",
    "立信", "祥云", "广源", "德盛", "恩泽", "嘉木", "长风", "云起", "星河", "松涛", "青竹",
    "北辰", "百川", "千帆", "万象", "九鼎", "齐正", "和光", "锐程", "瀚宇", "卓立", "泰岳",
};
static const struct trade {
    const char *zh, *en, *industry;
} trades[] = {
    {"精密机械", "Precision", "manufacturing"},
    {"汽车零部件", "Automotive", "manufacturing"},
    {"注塑机械", "Moulding", "manufacturing"},
    {"机电设备", "Electric", "manufacturing"},
    {"阀门制造", "Valves", "manufacturing"},
    {"电子科技", "Electronics", "technology"},
    {"船舶配套", "Marine", "manufacturing"},
    {"包装机械", "Packaging", "manufacturing"},
    {"纺织机械", "Textile", "manufacturing"},
    {"模具", "Moulds", "manufacturing"},
    {"五金工具", "Hardware", "wholesale"},
    {"自动化设备", "Automation", "technology"},
    {"电缆", "Cables", "energy"},
    {"泵业", "Pumps", "energy"},
    {"建设工程", "Construction", "construction"},
    {"物流装备", "Logistics", "logistics"},
};
static const char *const forms[] = {"有限公司", "有限公司", "有限公司",
                                    "厂",       "集团",     "股份有限公司"};
static const char *const stems[] = {
    "Harlander", "Meridian", "Takemoto", "Nordvik",   "Castellan", "Brennhof",
    "Aurelia",   "Kestrel",  "Loxley",   "Ostberg",   "Pellinor",  "Ravensfeld",
    "Calloway",  "Drumlin",  "Edelmann", "Fairhaven",
};
static const char *const endings[] = {"GmbH", "Ltd", "Pte Ltd", "S.r.l.", "Co.", "Group"};
static const char *const surnames[] = {
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高",
    "林", "何", "郭", "马", "罗", "梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧",
};
static const char *const givens[] = {
    "晓雯", "凯",   "安琪", "军",   "敏", "国栋", "伟", "丽华", "悦",   "子涵", "昊",
    "雅文", "静",   "骏",   "远",   "琳", "佳",   "冰", "宁",   "涛",   "颖",   "飞",
    "洁",   "立群", "雯",   "一鸣", "珊", "宇",   "晨", "建国", "秀英", "志强",
};
static const char *const given_names[] = {"Anna",  "Bruno", "Clara", "David", "Elena", "Felix",
                                          "Grace", "Henry", "Irene", "Jonas", "Kenji", "Laura"};
static const char *const family_names[] = {"Adler",   "Bianchi", "Chen",   "Dietrich",
                                           "Eriksen", "Fischer", "Grant",  "Hoang",
                                           "Ito",     "Jensen",  "Keller", "Lim"};
static const char *const titles[] = {"采购经理", "设备科长", "总经理",
                                     "生产主管", "质量经理", "仓库主管"};
static const char *const titles_en[] = {"Purchasing", "Plant manager", "Director", "Maintenance"};
static const char *const notes[] = {
    "电话回访：刀具寿命满意，询问批量价。",
    "拜访了车间，现用切削液气味重，愿意试用我们的样品。",
    "对方换了采购负责人，需要重新介绍产品线。",
    "投诉：上批轴承交期晚了三天，已道歉并承诺下单次日发货。",
    "年度框架谈判开始，对手报价低约 4%。",
    "客户二期厂房明年投产，导轨和丝杠需求会翻倍。",
    "试用结果：单件成本下降 7%，准备切换。",
    "付款周期从 30 天延到 60 天，需财务确认。",
};
static const char *const notes_en[] = {
    "Called: happy with the tool life, asked for a volume price.",
    "Visited the plant; they will try our coolant next month.",
    "New head of purchasing, we start over.",
    "Complaint: the last bearings came three days late.",
    "Second line opens next year, motion parts will double.",
};
static const char *const steps[] = {
    "年度框架续签谈判", "新产线刀具选型", "回访：交期投诉后续", "询价跟进：直线导轨",
    "确认拜访时间",     "年度对账",       "样品试用结果确认",   "流失原因访谈",
};
static const char *const steps_en[] = {"Renew the frame contract", "Follow up the quotation",
                                       "Agree on a visit", "Ask about the samples"};
static const char *const channels[] = {"直销", "直销", "官网", "经销商", "展会"};

#define PICK(d, list) ((list)[dice_below((d), sizeof(list) / sizeof *(list))])

struct dice dice_of(uint64_t seed, uint64_t about)
{
    struct dice d = {seed * 0x9e3779b97f4a7c15u ^ (about + 1) * 0xbf58476d1ce4e5b9u};
    (void)dice_below(&d, 2);
    return d;
}

/* splitmix64 (Steele, Lea, Flood 2014); the top bits of a product in place of a remainder. */
uint64_t dice_below(struct dice *d, uint64_t n)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (uint64_t)(((unsigned __int128)z * n) >> 64);
}

bool dice_chance(struct dice *d, unsigned percent)
{
    return dice_below(d, 100) < percent;
}

struct str demo_person(struct dice *d, bool foreign, struct arena *a)
{
    if (foreign)
        return arena_printf(a, "%s %s", PICK(d, given_names), PICK(d, family_names));
    return arena_printf(a, "%s%s", PICK(d, surnames), PICK(d, givens));
}

/* Names repeat as they do in life; whoever needs to tell them apart has the customer number. */
struct demo_name demo_name_of(struct dice *d, int64_t at, struct arena *a)
{
    struct demo_name n = {.person = at % 11 == 7, .foreign = dice_chance(d, 12)};
    const char *const *place = n.foreign ? PICK(d, abroad) : PICK(d, places);
    const struct trade *trade = &PICK(d, trades);
    n.city = str_of(place[0]);
    n.region = str_of(place[1]);
    n.industry = n.person ? STR_NULL : str_of(trade->industry);
    if (n.person)
        n.name = demo_person(d, n.foreign, a);
    else if (n.foreign)
        n.name = arena_printf(a, "%s %s %s", PICK(d, stems), trade->en, PICK(d, endings));
    else
        n.name = arena_printf(a, "%s%s%s%s", place[0], PICK(d, firsts), trade->zh, PICK(d, forms));
    return n;
}

const char *demo_title(struct dice *d, bool foreign)
{
    return foreign ? PICK(d, titles_en) : PICK(d, titles);
}

struct str demo_note(struct dice *d, bool foreign)
{
    return str_of(foreign ? PICK(d, notes_en) : PICK(d, notes));
}

struct str demo_step(struct dice *d, bool foreign)
{
    return str_of(foreign ? PICK(d, steps_en) : PICK(d, steps));
}

const char *demo_channel(struct dice *d)
{
    return PICK(d, channels);
}
