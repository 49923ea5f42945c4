//! Pieces of generated texts, the most common ones first: most are drawn with [`Draws::pick_skewed`].
//!
//! [`Draws::pick_skewed`]: super::super::draw::Draws::pick_skewed

/// Common characters, three bytes each.
pub const HANZI: &str = "的一是不了人我在有他这中大来上个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能好都然没日于起还发成事只作当想看文无开手用主行方又如前所本见经头面同已从动两长知样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电第门相次东海口使教西再平真听世气信北少关并内加化由却代先入山五水万市眼体别处总才场师书比住员九笑性通目华报立马命活难神数件安表原车白应路期叫常提感金何更反合放做系计或司利受光王果亲界今京务各清物台象记边共风战干接它许特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元社结六功指思非流每青管夫连远队跟带花快条院变联言往展该领传近留红治决周保达办运半候七必城父强步完深区即求品士转量空众技轻程告江语英基满式李息写呢识极令黄收脸钱未持取设始版双历越史商千片容研像找友孩站广改议形早房音火际则首单据影拿网香似斯专石若弟谁校读志飞观争究包组造落视喜离虽兴切格歌念乐梦夜云雨雪星春秋冬夏阳岁月茶酒饭猫狗鱼鸟草叶树河湖岛";
pub const SURNAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜";
pub const GIVEN: &str = "伟芳娜敏静丽强磊洋艳勇军杰娟涛明超秀霞平刚桂英华玉萍红鑫文建云浩宇轩子涵欣怡梓佳雨泽思远晨博雅琪俊婷雪峰龙飞鹏凯琳慧颖丹倩梅兰竹菊春夏秋冬晓梦嘉一可心诗语乐安宁";
#[rustfmt::skip]
pub const EPITHETS: [&str; 24] = [
    "爱吃鱼", "会飞", "追风", "安静", "孤独", "快乐", "迷路", "慢热", "发呆", "爱笑", "深海", "温柔", "熬夜", "失眠",
    "不吃香菜", "骑行", "写代码", "看海", "淋雨", "隔壁", "北方", "晒太阳", "等风来", "穿山",
];
#[rustfmt::skip]
pub const NOUNS: [&str; 24] = [
    "猫", "小鹿", "少年", "鱼", "旅人", "星星", "大叔", "企鹅", "橘子", "西瓜", "狐狸", "熊", "老王", "阿姨",
    "程序员", "小朋友", "月亮", "柠檬", "云", "兔子", "番茄", "咸鱼", "蘑菇", "派大星",
];
#[rustfmt::skip]
pub const FIRST_NAMES: [&str; 48] = [
    "Anna", "Lena", "Mike", "David", "Kevin", "Jason", "Sunny", "Cindy", "Tony", "Lucy", "Leo", "Emma", "Coco", "Max",
    "Jack", "Amy", "Vivian", "Eric", "Grace", "Peter", "Linda", "Oliver", "Sophie", "Daniel", "José", "Zoë", "Chloé",
    "Łukasz", "Ömer", "Björn", "Siti", "Budi", "Nguyễn Văn", "Trần Thị", "João", "Inês", "Priya", "Rahul", "Ahmad",
    "Fatima", "Marek", "Ivana", "O'Brien", "Sinéad", "Mateus", "Camila", "Yusuf", "Zsófia",
];
#[rustfmt::skip]
pub const LAST_NAMES: [&str; 40] = [
    "Chen", "Wang", "Li", "Zhang", "Lim", "Tan", "Lee", "Wong", "Smith", "Garcia", "Müller", "Silva", "Kim", "Park",
    "Nguyen", "Singh", "Kumar", "Santoso", "Ivanov", "Rossi", "Weber", "Novák", "Kowalski", "Dubois", "Fernández",
    "Yılmaz", "Hansen", "Öberg", "Costa", "Moreau", "Takahashi", "Ito", "Suzuki", "Abdullah", "Hassan", "Jones",
    "Brown", "Taylor", "van Dijk", "de la Cruz",
];
#[rustfmt::skip]
pub const JAPANESE: [&str; 20] = [
    "さくら", "ゆうき", "はると", "ひまり", "たけし", "あおい", "りん", "ケンジ", "ミキ", "ねこ", "田中", "佐藤",
    "鈴木", "山本", "中村", "結衣", "陽菜", "大翔", "翔太", "𠮷野",
];
#[rustfmt::skip]
pub const CYRILLIC: [&str; 20] = [
    "Мария", "Алексей", "Дмитрий", "Анна", "Иван", "Ольга", "Сергей", "Елена", "Катя", "Максим", "Наташа", "Андрей",
    "Юлия", "Павел", "Соколов", "Иванова", "Кузнецов", "Попова", "Олександр", "Ћирић",
];
#[rustfmt::skip]
pub const ARABIC: [&str; 16] = [
    "محمد", "أحمد", "فاطمة", "علي", "عائشة", "خالد", "نور", "يوسف", "مريم", "عمر", "سارة", "حسين", "ليلى", "عبد الله",
    "العلي", "الحربي",
];
#[rustfmt::skip]
pub const OTHER_SCRIPTS: [&str; 16] = [
    "지민", "서연", "민준", "하은", "김철수", "이영희", "สมชาย", "มะลิ", "ณัฐ", "अमित", "प्रिया", "Γιώργος", "Ελένη",
    "דוד", "שרה", "நிலா",
];
#[rustfmt::skip]
pub const EMOJI: [&str; 32] = [
    "🌸", "😂", "❤️", "🎉", "✨", "🐱", "🌙", "😊", "🔥", "🍀", "🐶", "☕️", "🌈", "💪", "🎵", "🦋", "😭", "🍑", "🐼",
    "🌻", "💕", "🎮", "⭐️", "🏀", "📷", "🚀", "👨‍👩‍👧‍👦", "👩🏽‍💻", "🇨🇳", "🇧🇷", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
];

/// The ends of nicks that break careless readers.
#[rustfmt::skip]
pub const AWKWARD_ENDINGS: [&str; 16] = [
    ", Jr.", " \"X\"", "\nline 2", "\r\n", "\\", "\t", "<b>&amp;", "=1+1", " ", ",\"\",", "\u{200b}",
    "e\u{301}a\u{30a}", "\u{202e}abc", "';--", "%00", "\u{feff}",
];

/// Signatures that many accounts share.
#[rustfmt::skip]
pub const COMMON_SIGNATURES: [&str; 32] = [
    "这个人很懒，什么都没有留下", "天道酬勤", "生活不止眼前的苟且，还有诗和远方", "做最好的自己", "知足常乐",
    "Hello World", "既然选择了远方，便只顾风雨兼程", "有事请留言，谢谢", "岁月静好", "Hey there!", "努力！加油！💪",
    "且行且珍惜", "。", "Available", "面朝大海，春暖花开 🌊", "Busy, back at 5", "不忘初心，方得始终",
    "在忙，晚点回复", "I'm here", "只要不放弃，就有机会", "☕️ then code", "一切都是最好的安排",
    "工作日 9:00-18:00 在线", "平安喜乐", "Work hard, play hard", "愿你出走半生，归来仍是少年", "…", "At the gym",
    "明天会更好", "心若向阳，无畏悲伤 🌻", "Carpe diem", "Не беспокоить",
];

/// Signatures that break careless readers.
#[rustfmt::skip]
pub const AWKWARD_SIGNATURES: [&str; 20] = [
    "NULL", "0", "\\N", "null", "a;b|c\td", "She said \"never\", and left.", "line one\nline two\nline three", "-",
    "=HYPERLINK(\"http://example.com\")", "\\u0000 \\x00 %00", "1e999", "18446744073709551616", "true", "  spaces  ",
    "\"", "',;\",\r\n", "<script>alert(1)</script>", "e\u{301}cole, a\u{30a}ngstro\u{308}m", "C:\\new\\table",
    "\u{2028}\u{2029}\u{85}",
];

/// Words of signatures in Latin letters.
#[rustfmt::skip]
pub const LATIN_WORDS: [&str; 96] = [
    "the", "and", "to", "of", "life", "love", "you", "is", "in", "my", "be", "never", "always", "dream", "day",
    "with", "work", "music", "coffee", "travel", "live", "happy", "world", "time", "just", "for", "not", "your",
    "good", "only", "at", "heart", "sun", "smile", "every", "we", "are", "what", "it", "make", "today", "home",
    "night", "people", "new", "photo", "runner", "since", "designer", "engineer", "call", "available", "weekend",
    "contact", "business", "sales", "support", "online", "shop", "whatsapp", "dad", "mom", "cat", "dog", "football",
    "gamer", "student", "university", "free", "believe", "follow", "later", "busy", "sleeping", "amor", "vida",
    "siempre", "hidup", "cinta", "semangat", "para", "todo", "mundo", "über", "café", "não", "mañana", "gestern",
    "toujours", "rêve", "fließen", "tình", "yêu", "gülmek", "zawsze", "szczęście",
];
#[rustfmt::skip]
pub const OTHER_WORDS: [&str; 40] = [
    "жизнь", "это", "всё", "будет", "хорошо", "люблю", "работа", "дом", "время", "мир", "毎日", "ありがとう",
    "頑張る", "です", "今日", "旅", "好き", "よろしく", "お願いします", "写真", "الحمد لله", "الحياة", "جميلة",
    "صباح", "الخير", "حب", "سلام", "사랑", "행복", "오늘", "화이팅", "안녕하세요", "ชีวิต", "ความสุข", "รัก", "जीवन",
    "प्यार", "שלום", "αγάπη", "ζωή",
];

/// Separators between the clauses of a signature, the most common ones first.
#[rustfmt::skip]
pub const CLAUSE_ENDS: [&str; 24] = [
    "，", "，", "，", "。", " ", "，", "！", "～", "。", "…", "、", "？", "\n", " | ", "！！", "；", "——", "：", "“",
    "”", "\"", " / ", "\\", "\n\n",
];
#[rustfmt::skip]
pub const LATIN_CLAUSE_ENDS: [&str; 20] = [
    ", ", ". ", ", ", "! ", " ", "; ", " - ", "\n", "... ", "? ", " | ", " \"", "\" ", ": ", " / ", " & ", "'s ",
    " (", ") ", "\\",
];

#[rustfmt::skip]
pub const PLACES: [&str; 28] = [
    "上海", "北京", "深圳", "广州", "杭州", "成都", "北京朝阳区", "Shenzhen", "Singapore", "武汉", "南京", "重庆",
    "Hong Kong", "西安", "台北", "Jakarta", "Kuala Lumpur", "São Paulo", "東京", "Berlin", "서울", "Москва", "Hà Nội",
    "دبي", "München", "Ürümqi", "1,2,3,4", "Paris \"75\"",
];

pub const IMAGE_DIRECTORIES: [&str; 8] = [
    "avatar",
    "head",
    "user/face",
    "im/portrait",
    "u",
    "profile_images",
    "uploads/2023",
    "static/a",
];
pub const IMAGE_ENDINGS: [&str; 12] = [
    ".jpg",
    ".png",
    ".jpg",
    ".jpeg",
    ".png?v=2",
    ".webp",
    ".jpg?imageView2/1/w/132/h/132",
    "",
    "/132",
    ".gif",
    ".png?x-oss-process=image/resize,w_200&t=1650000000",
    "@200w.webp",
];
pub const REGIONS: [&str; 6] =
    ["ap-guangzhou", "ap-shanghai", "ap-singapore", "ap-beijing", "na-ashburn", "eu-frankfurt"];

/// Image URLs that break careless readers.
pub const AWKWARD_IMAGES: [&str; 8] = [
    "https://example.org/照片/头像 (1).jpg",
    "http://203.0.113.7:8080/photo?id=7&name=%E5%BC%A0%E4%B8%89&size=big",
    "//cdn.example.com/a.png",
    "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
    "https://example.com/a,b;c.png?q=\"x\"",
    "file:///storage/emulated/0/DCIM/IMG_20230101_120000.jpg",
    "https://münchen.example/ß.png#top",
    "undefined",
];
