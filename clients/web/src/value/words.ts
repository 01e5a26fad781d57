/** What the pages about value say: the part of the catalogue (strings.ts) which only they fetch. */

import { plural, t } from "../strings.ts";

const lists = new Intl.ListFormat(t.language, { type: "conjunction" });
const numbers = new Intl.NumberFormat(t.language);
const percents = new Intl.NumberFormat(t.language, { style: "percent", maximumFractionDigits: 1 });

const people = (count: number): string => plural(count, { one: "# colleague", other: "# colleagues" });
const countries = (count: number): string => plural(count, { one: "# country", other: "# countries" });

/** A sentence that stands inside another. */
const quoted = (sentence: string): string => `“${sentence.replace(/\.$/, "")}”`;

/** What the first, the second ... of many counts. */
const series = (shares: readonly number[]): string => shares.map((share) => percents.format(share)).join(", ");

/** What somebody did with a content, so many times. */
const uses: Record<string, (count: number) => string> = {
  accepted: () => "accepted as the answer",
  verified: () => "checked by a steward",
  solved: (n) => plural(n, { one: "solved # problem", other: "solved # problems" }),
  cited: (n) => plural(n, { one: "built on once", other: "built on # times" }),
  helpful: (n) => plural(n, { one: "found helpful once", other: "found helpful # times" }),
  praised: (n) => plural(n, { one: "praised once", other: "praised # times" }),
  idea_shortlisted: () => "shortlisted",
  idea_accepted: () => "accepted as an idea",
  idea_shipped: () => "shipped",
  welcomed: () => "a newcomer's first help",
  quorum: () => "reached its quorum",
  report_upheld: () => "report upheld",
  loop_closed: () => "loop closed",
};

export const v = {
  // -- the way between these pages
  sections: "About contributions",
  mine: "My impact",
  leading: "How I answer",
  nominees: "Nominees",
  shown: "What others see",
  rules: "The rules",

  // -- my impact
  impactIntro: "What your work did for others. Only you see this page.",
  scoresOff: "Contributions are not scored in your country. Everything else in Tap works as ever.",
  thisMonth: "This month",
  helpedNobodyYet: "Nobody has used your work yet this month.",
  helped: (count: number, abroad: number) =>
    abroad > 1 ? `Your work helped ${people(count)} in ${countries(abroad)}.` : `Your work helped ${people(count)}.`,
  helpedPeople: (count: number) => `helped ${people(count)}`,
  uses: (kinds: Record<string, number>) => lists.format(Object.entries(kinds).map(([kind, count]) => uses[kind]?.(count) ?? kind)),
  untitled: "A post of yours",
  trend: "Colleagues helped, by month",
  trendBar: (month: string, count: number) => `${month}: ${people(count)}`,
  nextUseful: "Where you could help next",
  nextUsefulMine: "in a topic you know or follow",
  showNumbers: "Show numbers",
  numbersHint: "In quiet communities Tap says whom you helped, not how many points it was. Nothing is withheld: they are here when you want them.",
  askPlace: "Where do I stand?",
  placeHint: "Nobody is ranked here. If you ask, you learn a band, and only you.",
  bands: {
    top_tenth: (of: number) => `At the end of the month you were in the top tenth of ${numbers.format(of)} people in your region.`,
    top_quarter: (of: number) => `At the end of the month you were in the top quarter of ${numbers.format(of)} people in your region.`,
    upper_half: (of: number) => `At the end of the month you were in the upper half of ${numbers.format(of)} people in your region.`,
    "": () => "Below the middle nothing is said: a place there helps nobody.",
  } as Record<string, (of: number) => string>,
  placeWhy: {
    off: "Your region's policy has no such comparison.",
    too_few: "There are too few people with credits in your region to say it without telling on somebody.",
    not_yet: "No month is settled yet. A month is, nine days after its end.",
  } as Record<string, string>,
  older: "Show older credits",
  takeAlong: "Take it with you",
  exportAs: (format: string) => `All lines as ${format}`,
  quietLine: "counted",
  named: (quarter: string, by: string) => `Your name stood on the list of nominees for ${quarter}, taken by ${by}.`,
  statuses: {
    held: "Held", reversed: "Reversed", lapsed: "Lapsed", counted: "Counted",
  } as Record<string, string>,
  newUse: "Somebody has just used your work.",

  // -- cases
  cases: "Cases",
  casesIntro: "Where somebody asked a human to look at a credit, or where thanks went in a small circle. A person decides, with a reason that both sides read.",
  casesMine: "Cases about me",
  casesToDecide: "To be decided here",
  noCases: "There is none.",
  dispute: "Ask somebody to look at this",
  disputeTitle: "Ask somebody to look at this credit",
  disputeHint: "A person of your region reads what you write, decides and says why. Until then the line stays as it is.",
  disputeReason: "What is wrong with it?",
  disputeSend: "Send",
  disputeSent: "Somebody will look at it. You find it under cases.",
  caseOpen: "Under review",
  caseDecided: "Looked at: read the decision",
  caseKinds: { dispute: "A credit is disputed", ring: "Thanks in a small circle" } as Record<string, string>,
  caseStates: { open: "Open", decided: "Decided" } as Record<string, string>,
  caseHeld: "Held until decided",
  caseSince: "opened",
  caseBy: "by",
  caseByWatch: "by the nightly watch",
  caseContent: "The post it is about",
  caseParties: (count: number) => plural(count, { one: "# person is concerned", other: "# people are concerned" }),
  caseEvidence: "What went to and fro",
  caseShare: (inside: string, quarter: string) => `${inside} of what these people received in ${quarter} came from each other.`,
  caseGiver: "From",
  caseAuthor: "To",
  caseContents: "Posts",
  caseBase: "Before damping",
  caseCounted: "Counted",
  caseSomebody: "a colleague",
  caseYours: "You are concerned by this case, so somebody else decides it.",
  caseAppeals: "An appeal against an earlier decision",
  outcomes: {
    upheld: "The person is right", dismissed: "It stays as it is", reversed: "These credits do not count",
  } as Record<string, string>,
  decide: "Decide",
  decideAnew: "Decide anew",
  decideHint: "Everybody concerned reads the decision and the reason.",
  decideReason: "Reason",
  hold: "Hold the credits until it is decided",
  unhold: "Stop holding the credits",
  decidedBy: "Decided by",

  // -- who knows
  whoKnows: "Who knows",
  knowsAbout: "Who knows about…",
  knowsHint: "A topic, e.g. firmware",
  topicsNow: "Talked about now",
  knowsIntro: "People whose answers on a topic others accepted or rated best, with the reason. Nobody is listed who does not want to be.",
  nobodyKnows: (topic: string) => `Nobody who may be listed has answered questions on ${topic} yet.`,
  askAnyway: "Ask everybody",
  emerging: "Emerging",
  emergingHint: "Few answers so far, or to few teams: a good start, not yet a record.",
  sharedHours: (minutes: number) =>
    minutes === 0 ? "no working hours in common today" : minutes < 60 ? `${numbers.format(minutes)} min together today` : `${numbers.format(Math.floor(minutes / 60))} h together today`,
  answeredThisWeek: (count: number) => (count === 0 ? "nothing answered this week" : `answered ${numbers.format(count)} this week`),
  asked: (count: number) => plural(count, { one: "# open question names them", other: "# open questions name them" }),
  busy: "Much to answer just now",
  ask: "Ask",
  askPerson: (name: string) => `Ask ${name}`,
  followPerson: (name: string) => `Follow ${name}`,
  hello: "Say hello",
  helloTo: (name: string) => `Say hello to ${name}`,
  helloText: "Your message",
  send: "Send",

  // -- a person's record
  record: "What they know",
  recordHidden: "Nothing of this is shown: their country's policy or they themselves keep it private.",
  influence: (contents: number, many: number, where: number) =>
    `${plural(contents, { one: "# post", other: "# posts" })} used by ${people(many)} in ${countries(where)} in half a year.`,
  breadth: (n: number) => `${plural(n, { one: "# of them", other: "# of them" })} by ${numbers.format(n)} or more people of other teams each.`,
  published: (points: string, level: number) => `Standing ${points}, level ${numbers.format(level)}, published by their region.`,
  built: "How they built it",
  builtHint: "Dates they chose to show. In brackets: within how many days half of all who show theirs got there.",
  milestones: {
    started: "First post", question: "First question", answer: "First answer", accepted: "First accepted answer", paper: "First paper",
    abroad: "First used in another region",
  } as Record<string, string>,
  median: (days: number, many: number) => `half of ${people(many)} within ${plural(days, { one: "# day", other: "# days" })}`,

  // -- boards
  board: "Board",
  boardIntro: "People who helped others here, in the order of their names. Nobody is first and nobody last, and only who may be and wants to be shown is here.",
  boardMonth: "Month",
  boardMode: "This community is quiet: it keeps no board, and says nothing of numbers. Its owner can change that.",
  boardFeedback: "In this community everybody sees their own points, and there is no board. Its owner can change that.",
  boardNobody: "Nobody to show in this month. Names stand here only where a country's policy and the person's own choice both allow it.",
  boardHelped: (count: number) => `helped ${people(count)}`,

  // -- leaders
  leaderIntro: "How you answer people, month by month. Only you see this page.",
  notLeading: "This page is for people who own or moderate a community, or speak for a region.",
  leads: (members: number) => `The communities you lead have ${plural(members, { one: "# member", other: "# members" })}.`,
  noMonths: "There is no month to show yet: figures are drawn once a day.",
  provisional: "running, answers may still come",
  comparedIn: (month: string, count: number, span: string) => `Beside it: the middle half of about ${numbers.format(count)} leaders of ${span} people in ${month}. No name, no first, no last.`,
  compare: {
    policy: "Your country's policy has no comparison between leaders, so here are your own months only.",
    choice: "You chose not to be compared, so here are your own months only.",
  } as Record<string, string>,
  tooFew: (month: string) => `Too few leaders of like span answered in ${month} to compare without telling on somebody.`,
  measures: {
    reply_rate: "Questions you answered within a week", reply_ms: "Your usual time to a first answer", reply_share: "Replies among what you wrote",
    countries: "Countries you replied to", closed_rate: "Questions with an accepted answer",
  } as Record<string, string>,
  measureHints: {
    reply_rate: "of those asked in your communities, or naming you", reply_ms: "median, in working hours of who asked",
    reply_share: "replies to others beside updates, announcements and articles", countries: "of the people you replied to", closed_rate: "whoever gave the answer",
  } as Record<string, string>,
  you: "You",
  where: {
    below: "below the middle half", inside: "within the middle half", above: "above the middle half", faster: "quicker than the middle half", slower: "slower than the middle half",
  },
  quartiles: (low: string, median: string, high: string) =>
    low === high ? `The middle half of them all: ${median}.` : `Middle half: ${low} to ${high}, middle ${median}.`,
  noQuartile: "Too few peers to compare.",
  nothingMeasured: "nothing to measure",
  overMonths: (what: string) => `${what}, by month`,
  workingTime: (minutes: number) => (minutes < 60 ? `${numbers.format(minutes)} min` : `${numbers.format(Math.round(minutes / 6) / 10)} h`),
  returned: (back: number, heard: number) => `Of ${people(heard)} you replied to, ${numbers.format(back)} wrote within a week, where everybody may read.`,
  followed: "What followed your replies",
  followedNone: "No replies yet.",
  followedAccepted: "accepted",
  followedHelpful: (count: number) => plural(count, { one: "# found it helpful", other: "# found it helpful" }),
  followedReplies: (count: number) => plural(count, { one: "# reply", other: "# replies" }),

  // -- nominees
  nomineesIntro: "For a committee to decide about; this list decides nothing. Taking it is written down, and everybody named is told.",
  quarter: "Quarter",
  provisionalQuarter: "The quarter is still running.",
  asCsv: "As CSV",
  noNominees: "Nobody in this quarter, among people at home in this region who agreed to be named.",
  unnamed: (count: number) => `Of those who did not agree to be named, about ${numbers.format(count)} meet the same rule.`,
  nominee: (helped: number, units: number, where: number) => `Helped ${people(helped)} of ${plural(units, { one: "# team", other: "# teams" })} in ${countries(where)}`,
  showEvidence: "Evidence",
  takeList: "Show the list",

  // -- what others see
  shownIntro: "You decide, within what your country allows. None of it is needed to use Tap, and each change holds in every region after one sync.",
  scores: {
    off: "Your country has scoring switched off: nothing about your contributions is computed for others or for you.",
    private: "In your country points are private: you see your own, and nobody else does.",
    opt_in: "In your country points are shown of whoever chooses it.",
    public: "In your country points are shown, unless somebody refuses.",
  } as Record<string, string>,
  needsAgreement: "The law there asks for an agreement with the staff's representatives before more is possible.",
  agreement: (id: string) => `By agreement ${id}.`,
  kept: (days: number) => `Lines of your ledger forget what they were about after ${plural(days, { one: "# day", other: "# days" })}.`,
  peopleMin: (k: number) => `Figures about groups are shown of ${numbers.format(k)} people or more.`,
  what: {
    profile: "My standing and level on my page", boards: "My name on boards of communities", experts: "My name among those who know a topic",
    milestones: "The dates of my first steps, for newcomers", recognition: "My name on lists of nominees", leaders: "My figures among those leaders are compared with",
  } as Record<string, string>,
  whatHints: {
    profile: "Beside your name, as your region publishes it.", boards: "In alphabetical order, of a month.", experts: "With what vouches for you: answers everybody can read. No points.",
    milestones: "First question, first accepted answer, first use abroad.", recognition: "With what your work did; a committee decides.",
    leaders: "Without your name, and only where ten others stand beside.",
  } as Record<string, string>,
  neverShown: "Not shown in your country, whatever you choose.",
  byPolicy: (shown: boolean) => (shown ? "As my country has it (shown)" : "As my country has it (not shown)"),
  yes: "Show it",
  no: "Do not show it",
  saved: "Kept. It holds everywhere after one sync.",
  beginAnew: "Begin anew",
  beginAnewHint: "Drops every credit of yours from before now, for good, here and where it was published. What you wrote stays, and what others have stays.",
  beginAnewDone: "Your ledger begins anew.",

  // -- the rules
  rulesIntro: "What a point is. Nothing else decides one, and nobody learns from you in secret: people wrote these rules, and each version keeps the days it was in force on.",
  rulesSince: (day: string) => `in force from ${day}`,
  actsTitle: "What another person's act is worth",
  act: "Act",
  pointsColumn: "Points",
  afterwards: "What happens to credits afterwards",
  changes: "What changes the worth",
  pairFactor: (shares: readonly number[]) => `Thanks from one colleague saturate: in a quarter they count ${series(shares)} …`,
  pairEnds: (count: number) => `After ${plural(count, { one: "# credit", other: "# credits" })} from one colleague in a quarter nothing is added.`,
  unitFactor: (shares: readonly number[]) => `Thanks from one team for one post saturate: they count ${series(shares)} …`,
  mutualFactor: (threshold: number, share: number) =>
    `Thanks inside a circle of people who thank each other a lot count less: from ${numbers.format(threshold)} each way in a quarter on, up to ${percents.format(share)} less.`,
  borderFactor: (share: number) => `Thanks from another country count ${numbers.format(share)} times.`,
  outsideUnit: (acts: readonly string[]) => `Only from outside your team: ${lists.format(acts.map(quoted))}.`,
  cap: (points: number) => `All acts of a UTC day give ${plural(points, { one: "# point", other: "# points" })} at most.`,
  capExempt: (acts: readonly string[]) => `Beside that limit stand: ${lists.format(acts.map(quoted))}.`,
  noFactors: "Nothing: every act is worth its points.",
  standingTitle: "Standing and levels",
  neverFades: "Neither your total nor your standing ever fades.",
  halfLife: (days: number) => `Your total never fades. Your standing does: what is ${plural(days, { one: "# day", other: "# days" })} old counts half.`,
  floor: (least: string) => `No standing is shown below ${least}.`,
  levels: (all: readonly string[]) => `Levels are thresholds, not ranks, and begin at ${all.join(" · ")}. Nobody loses one because others rose.`,
  knowsTitle: "Who knows",
  knowsNobody: "Nobody is named as knowing about a topic.",
  knowsHalfLife: (days: number) => `An answer that is ${plural(days, { one: "# day", other: "# days" })} old counts half.`,
  knowsElsewhere: (share: number) => `An answer on another topic counts ${percents.format(share)}.`,
  knowsPrior: (count: number) => `Everybody begins with ${plural(count, { one: "# answer", other: "# answers" })} of middling quality, so that luck is no record.`,
  knowsExpert: (answers: number, askers: number, units: number) =>
    `An expert gave ${plural(answers, { one: "# answer", other: "# answers" })} on the topic to ${people(askers)} of ${plural(units, { one: "# team", other: "# teams" })}.`,
  influenceUses: (acts: readonly string[], days: number) =>
    `Uses of your work count from outside your team and for ${plural(days, { one: "# day", other: "# days" })}: ${lists.format(acts.map(quoted))}.`,
  example: "An example",
  exampleSteps: (base: string, share: string, sum: string, second: number, again: string) =>
    `A colleague in another country accepts your answer: ${base} points, times ${share} for the border, is ${sum}. When the same colleague accepts your next answer in the same quarter, it is their second credit to you and counts ${percents.format(second)}: ${again}.`,

  // -- messages
  noMessages: "No conversations yet. Say hello to somebody on their page.",
  writeMessage: "Write a message",
  conversationWith: (who: readonly string[]) => (who.length === 0 ? "Conversation" : lists.format(who)),
};
