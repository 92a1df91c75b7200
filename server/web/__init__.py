"""The review pages: server-rendered, in Chinese and English, with small scripts of their own on top."""
