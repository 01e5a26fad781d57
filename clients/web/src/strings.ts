/**
 * Every word the interface says, in one place: the seam where a catalogue per language comes in. Plural
 * forms go through Intl, so a language with six of them fits; nothing else in the client holds a sentence.
 */

import type { IdeaStage, PostKind, PresenceState, Transport, Why } from "@tap/sdk";

const LANGUAGE = "en";
const rules = new Intl.PluralRules(LANGUAGE);
const numbers = new Intl.NumberFormat(LANGUAGE);

type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** ``#`` in the chosen form stands for the number. */
function plural(count: number, forms: Forms): string {
  return (forms[rules.select(count)] ?? forms.other).replace("#", numbers.format(count));
}

const kinds: Record<PostKind, string> = {
  update: "Update", question: "Question", article: "Article", paper: "Paper", idea: "Idea", poll: "Poll",
  praise: "Praise", announcement: "Announcement", message: "Message", reply: "Reply", answer: "Answer",
};

const stages: Record<IdeaStage, string> = {
  submitted: "Submitted", reviewed: "Reviewed", shortlisted: "Shortlisted", accepted: "Accepted", declined: "Declined",
  piloted: "In trial", shipped: "Shipped",
};

/** What the connection waits for, or why there is none, as a whole sentence. */
const waitingFor: Record<Why, string> = {
  "": "The connection was lost.",
  offline: "This device has no network just now.",
  unreachable: "The server does not answer.",
  silent: "The server has gone quiet, so the connection is made anew.",
  stopping: "The server is restarting.",
  busy: "The server is busy and asked us to come back a little later.",
  too_many: "You have Tap open in too many places.",
  signed_out: "Your sign-in has ended.",
  refused: "The server does not accept this page. Reload it.",
  gap: "Something went missing on the way and is being fetched again.",
};

const transports: Record<Transport, string> = {
  websocket: "Connected by a websocket.",
  events: "This network lets no websocket through, so news comes as a stream of events.",
  poll: "This network lets no live connection through, so Tap asks the server again and again. News may come a moment later.",
};

const presence: Record<PresenceState, string> = { online: "Online", away: "Away", offline: "Offline" };

const lists = new Intl.ListFormat(LANGUAGE, { type: "conjunction" });

export const t = {
  language: LANGUAGE,
  product: "Tap",
  kinds,
  stages,

  // -- places and navigation
  home: "Home",
  communities: "Communities",
  people: "People",
  impact: "My impact",
  ask: "Ask",
  create: "Create",
  skipToContent: "Skip to content",
  mainNavigation: "Main",
  yourCommunities: "Your communities",
  account: "Account",
  profile: "My page",
  signOut: "Sign out",
  notFound: "This page does not exist",
  notFoundHint: "The address may have been shortened on its way to you.",
  toHome: "Go to the home feed",

  // -- files
  attach: "Attach",
  attachedFiles: "Attached files",
  pictures: "Pictures",
  files: "Files",
  picture: "Picture",
  download: "Download",
  previousPicture: "Previous picture",
  nextPicture: "Next picture",
  altPrompt: "Describe it for who cannot see it",
  stillUploading: "A file is still being sent.",
  pictureAway: "This picture has not come from its region yet.",
  altOf: (name: string) => `Description of ${name}`,
  removeFile: (name: string) => `Remove ${name}`,
  stopUpload: (name: string) => `Stop sending ${name}`,
  uploading: (name: string) => `Sending ${name}`,
  fileAdded: (name: string) => `${name} is attached`,
  fileTooLarge: (name: string) => `${name} is too large: a file may have 25 MB.`,
  tooManyFiles: (most: number) => plural(most, { one: "A post can have # file.", other: "A post can have # files." }),
  openPicture: (what: string) => `Open picture: ${what}`,
  pictureOf: (at: number, all: number) => `Picture ${numbers.format(at)} of ${numbers.format(all)}`,
  filesCount: (count: number) => plural(count, { one: "With # file", other: "With # files" }),
  filesStay: (count: number) => plural(count, {
    one: "This post has a file that may not leave its author's region.",
    other: "This post has # files that may not leave their author's region.",
  }),

  // -- signing in
  signIn: "Sign in",
  signInIntro: "The place where colleagues in every country ask, answer and build on each other's work.",
  personName: "Your name in the directory",
  password: "Password",
  signingIn: "Signing in…",
  goThere: "Go to your region",

  // -- connection
  live: "Live",
  paused: "Paused",
  connecting: "Connecting…",
  catchingUp: "Catching up…",
  offline: "Offline",
  reconnecting: "Reconnecting…",
  signingInAgain: "Renewing your sign-in…",
  asleep: "Resting",
  aboutConnection: "About the connection",
  transports,
  waitingFor,
  againIn: (seconds: number) => plural(seconds, { one: "Trying again within # second.", other: "Trying again in about # seconds." }),
  nothingIsLost: "What you write is kept on this device and sent by itself.",
  waitingToSend: (count: number) => plural(count, { one: "# to send", other: "# to send" }),
  region: (code: string) => `Region ${code}`,
  fromRegion: (code: string) => `From region ${code}`,
  pauseLive: "Pause live updates",
  resumeLive: "Resume live updates",

  // -- states of a page
  loading: "Loading…",
  retry: "Try again",
  discard: "Discard",
  cancel: "Cancel",
  save: "Save",
  close: "Close",
  more: "Show more",
  less: "Show less",
  older: "Show older posts",

  // -- feed
  feedViews: "Show",
  latest: "Latest",
  unanswered: "Unanswered",
  feedEmpty: "Your communities are quiet. Join a few more, or write the first post.",
  unansweredEmpty: "Every question in your communities has an answer.",
  communityEmpty: "Nobody has posted here yet. Yours could be the first.",
  personEmpty: "No posts yet.",
  newPosts: (count: number) => plural(count, { one: "# new post", other: "# new posts" }),
  newReplies: (count: number) => plural(count, { one: "# new reply", other: "# new replies" }),
  laterReplies: "Show later replies",
  endOfFeed: "You have reached the first post.",

  // -- a post
  postActions: "Post actions",
  in: "in",
  edited: "edited",
  editedTitle: "See what changed",
  pinned: "Pinned",
  locked: "No more replies",
  imported: (system: string) => `From ${system}`,
  deletedPost: "This post was deleted.",
  deletedReply: "This reply was deleted.",
  hiddenPost: "Moderators hid this.",
  helpful: "Helpful",
  solvedIt: "Solved it",
  solvedItHint: "It solved my problem",
  react: "React",
  reactWith: (emoji: string) => `React with ${emoji}`,
  replies: (count: number) => plural(count, { one: "# reply", other: "# replies" }),
  verifiedBy: (names: string) => `Checked and found right by ${names}`,
  accepted: "Accepted answer",
  accept: "Accept answer",
  unaccept: "Accepted",
  verify: "Mark as verified",
  unverify: "Withdraw verification",
  votes: (up: number, down: number) => `${numbers.format(up - down)} votes before Tap`,
  edit: "Edit",
  delete: "Delete",
  history: "Edit history",
  copyLink: "Copy link",
  linkCopied: "Link copied",
  follow: "Follow",
  following: "Following",
  followThread: "Follow this thread",
  unfollowThread: "Stop following this thread",
  report: "Report",
  reportReason: "What is wrong with it?",
  reported: "Thank you. The moderators will look at it.",
  confirmDelete: "Delete for everyone?",
  confirmDeleteHint: "Replies below it stay. Readers see that something was deleted, not what.",
  erase: "Erase everywhere…",
  confirmErase: "Erase everywhere, for good?",
  confirmEraseHint: "Its words, earlier versions and reports about it are destroyed in every region that has them. Nobody can bring them back, not even an administrator. You will see which regions have confirmed.",
  confirmEraseStays: "That a post of yours stood here stays visible, and so do replies of others, even where they quote it. Backups forget it within five weeks.",
  eraseReason: "Reason, readable by others (optional)",
  eraseNow: "Erase everywhere",
  editReason: "Reason for the change (optional)",
  revision: (rev: number) => `Version ${numbers.format(rev)}`,
  currentRevision: "Now",

  // -- own posts on their way
  sending: "Sending…",
  waitingForNetwork: "Not sent yet: waiting for the network",
  notSent: "Not sent.",
  sendAgain: "Send again",

  // -- threads
  reply: "Reply",
  answer: "Answer",
  writeReply: "Write a reply",
  writeAnswer: "Write an answer",
  replyTo: (name: string) => `Reply to ${name}`,
  conversation: "Replies",
  answersTitle: (count: number) => plural(count, { one: "# answer", other: "# answers" }),
  repliesTitle: (count: number) => plural(count, { one: "# reply", other: "# replies" }),
  inThread: "Reply in a thread",
  orphan: "Answer to a post not received yet",
  noRepliesYet: "No replies yet.",
  noAnswersYet: "No answers yet. If you know, or know who knows, say so.",
  aboutThread: "About this thread",
  participants: "Taking part",
  newMark: "new",
  threadLocked: "A moderator closed this thread. It can still be read.",

  // -- polls
  pollVoters: (count: number) => plural(count, { one: "# voter", other: "# voters" }),
  closes: (when: string) => `closes ${when}`,
  closed: "closed",
  secretBallot: "Secret ballot",
  secretHint: "Only sums of at least five ballots are ever shown, and only after the end. Whoever runs your region's database could look.",
  openBallot: "Open ballot: your vote is kept with your name",
  hiddenTally: "Results appear when the poll closes",
  quorum: (people: number, regions: number) =>
    [people > 0 ? plural(people, { one: "# voter", other: "# voters" }) : "", regions > 0 ? plural(regions, { one: "# region", other: "# regions" }) : ""]
      .filter((part) => part !== "").join(" from "),
  needsQuorum: (what: string) => `counts with ${what}`,
  quorumMet: (what: string) => `quorum of ${what} met`,
  quorumMissed: (what: string) => `not valid: the quorum of ${what} was missed`,
  closing: "closing…",
  closingWaits: (regions: string) => `closing… waiting for ${regions}`,
  closePoll: "Close poll",
  tooFewSecret: "Too few voted to show a secret result.",
  nobodyVoted: "Nobody voted.",
  rankedResult: "Result",
  place: (n: number) => `${numbers.format(n)}.`,
  tied: "tied",
  winner: "winner",
  beats: (choice: string, others: string, n: number, against: number) =>
    `${choice} is preferred to ${others}: ${numbers.format(n)} to ${numbers.format(against)}`,
  fromRegions: (count: number) => plural(count, { one: "from # region", other: "from # regions" }),
  lateRegions: (regions: string) => `without later ballots from ${regions}, which could not be waited for`,
  recounted: (count: number) => plural(count, { one: "counted again by # region: the same", other: "counted again by # regions: the same" }),
  countsDiffer: (regions: string) => `${regions} counts another result: an administrator has to look`,
  vote: "Vote",
  changeVote: "Change vote",
  withdrawVote: "Withdraw vote",
  yourVote: "your vote",
  youVoted: "You have voted; your choice is secret",
  rankHint: "Put them in your order, best first.",
  firstPreferences: "First preferences",
  moveUp: (choice: string) => `Move ${choice} up`,
  moveDown: (choice: string) => `Move ${choice} down`,
  submitRanking: "Submit ranking",
  share: (percent: string, votes: number) => `${percent}, ${plural(votes, { one: "# vote", other: "# votes" })}`,

  // -- ideas, praise, announcements, papers
  moveIdea: "Move idea",
  ideaStage: "Stage",
  ideaNote: "What happens next?",
  findOwner: "Who takes it on?",
  ideaOwner: (name: string) => `Owner: ${name}`,
  ideaDue: (when: string) => `due ${when}`,
  praiseFor: "Praise for",
  acknowledge: "I have read this",
  acknowledged: "You confirmed that you read this",
  acknowledgedBy: (count: number) => plural(count, { one: "# colleague confirmed", other: "# colleagues confirmed" }),
  coauthors: (names: string) => `With ${names}`,
  readPaper: "Open the paper",

  // -- composing
  composeTitle: "New post",
  composeKind: "What is it?",
  composeIn: "Post in",
  composePrompt: {
    update: "What is new?",
    question: "What would you like to know? Say what you have tried.",
    idea: "What should be different, and for whom?",
    poll: "What should colleagues decide? (optional details)",
    article: "Write your article. Markdown works.",
    praise: "What happened, and what did it change? (optional)",
  } as Record<string, string>,
  titleLabel: "Title",
  questionTitle: "Your question in one sentence",
  ideaTitle: "Your idea in one sentence",
  pollTitle: "Ask one clear question",
  articleTitle: "Title of the article",
  praiseTo: "Who is it for?",
  praiseBehaviour: "What did they do?",
  behaviourHint: "e.g. wrote down the fix for everyone",
  topics: "Topics",
  topicsHint: "Separated by spaces, e.g. billing roaming",
  text: "Text",
  choices: "Choices",
  choice: (n: number) => `Choice ${numbers.format(n)}`,
  addChoice: "Add a choice",
  removeChoice: (n: number) => `Remove choice ${numbers.format(n)}`,
  method: "How people vote",
  methods: { single: "One choice", multiple: "Several choices", ranked: "In order of preference" },
  closesAt: "Closes",
  closesNever: "Stays open",
  closesIn: { day: "In a day", threeDays: "In three days", week: "In a week", twoWeeks: "In two weeks" },
  secret: "Secret ballot",
  counting: "How it is decided",
  countings: { schulze: "Compared in pairs (Schulze)", instant_runoff: "Instant runoff" },
  quorumPeople: "Least number of voters",
  quorumRegions: "Least number of regions",
  hideUntilClose: "Hide results until it closes",
  publish: "Post",
  publishAsk: "Ask",
  mentionHint: "Type @ to mention a colleague",
  mentionList: "Colleagues",
  noCommunityYet: "Join a community first: posts live in communities.",
  needsText: "Write something first.",
  needsTitle: "It needs a title.",
  needsChoices: "A poll needs at least two choices.",
  needsPerson: "Say who it is for.",
  needsBehaviour: "Say what they did.",

  // -- communities
  communityCount: (count: number) => plural(count, { one: "# community", other: "# communities" }),
  findCommunity: "Find a community",
  join: "Join",
  joined: "Joined",
  newCommunity: "New community",
  communityName: "Name",
  communityAbout: "What is it for?",
  communityVisibility: "Who can read it",
  visibilityOpen: "Every colleague",
  visibilityPrivate: "Members only",
  communityAudience: "Regions",
  audienceGlobal: "All regions",
  audienceLocal: "This region only",
  audienceGroup: (group: string) => `Regions of ${group}`,
  audienceRegion: (code: string) => `Region ${code} only`,
  privateCommunity: "Private",
  members: (count: number) => plural(count, { one: "# member", other: "# members" }),
  membersTitle: "Members",
  about: "About",
  openTo: "Readers",
  homeRegion: "Home region",
  since: "Since",
  role: "Your role",
  roles: { member: "Member", moderator: "Moderator", owner: "Owner", none: "" },

  // -- people
  findPeople: "Find colleagues by name, skill or unit",
  nobodyFound: "Nobody matches.",
  skills: "Skills",
  recentPosts: "Recent posts",
  formerColleague: "No longer active",
  bot: "Bot",
  presence,
  typing: (people: readonly string[], more: number) =>
    more > 0
      ? `${lists.format([...people, plural(more, { one: "# other", other: "# others" })])} are typing…`
      : `${lists.format(people)} ${people.length === 1 ? "is" : "are"} typing…`,
  localTime: (time: string) => `${time} local time`,

  // -- impact
  impactIntro: "What your work was worth to others. Only you see this page.",
  points: (points: string) => `${points} points`,
  total: "Total",
  standing: "Standing",
  standingHint: "recent credits count more; half of it fades in 180 days",
  level: "Level",
  credits: "Credits",
  noCredits: "No credits yet. You get one whenever a colleague uses what you wrote: accepts your answer, marks it helpful, or says it solved their problem.",
  why: "Why this many?",
  base: "Base",
  counted: "Counted",
  rulesVersion: (id: string) => `Rules ${id}`,
  newCredit: (points: string) => `New credit: ${points} points`,
  impactTeaser: "Your impact so far",
  postingEarnsNothing: "Posting, reading and liking earn nothing. Credit exists only when somebody used your work.",

  // -- erasures
  erasure: "Erasure",
  erasures: "Erasures",
  noErasures: "Nothing was erased.",
  erasedIn: (done: number, of: number) => `${numbers.format(done)} of ${plural(of, { one: "# region", other: "# regions" })}`,
  erasureMissing: (regions: readonly string[]) => `${lists.format(regions)} missing`,
  erasureDone: "Nothing is left of it in any region.",
  erasureWaits: "A region that is away erases it as soon as it is back. You can leave this page.",
  erasureOf: { post: "A post", person: "Everything of a person" },
  erasedPosts: (count: number) => plural(count, { one: "# post", other: "# posts" }),
  erasedBodies: (count: number) => plural(count, { one: "# text destroyed", other: "# texts destroyed" }),
  requestedBy: "Requested by",

  // -- keyboard
  keyboardHelp: "Keyboard shortcuts",
  keyHelp: {
    "j / k": "Next, previous post",
    "o": "Open the post",
    "/": "Search people",
    "n": "New post",
    "g h": "Home",
    "g c": "Communities",
    "g p": "People",
    "g i": "My impact",
    "?": "This list",
  } as Record<string, string>,
  keysOff: "Turn single-key shortcuts off",
  keysOn: "Turn single-key shortcuts on",

  // -- appearance
  theme: "Appearance",
  themes: { system: "As the device", light: "Light", dark: "Dark" },

  // -- refusals that never reach a server
  somethingWrong: "Something went wrong here. Reload the page; nothing you wrote is lost.",
};
